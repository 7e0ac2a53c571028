"""What a pack trains on, from real folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_base import shallow_base

from train_tools.engines.packed import config, support
from train_tools.engines.packed.data.batches import RunData, batches_per_epoch, epoch_schedule, read_items
from train_tools.engines.packed.data.encoding import Needs, encode
from train_tools.engines.packed.data.pictures import Pictures
from train_tools.engines.packed.data.wording import At
from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.base import BaseModel


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return shallow_base()


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, object]:
    """Five images in two concepts: three square, one wide, one tall."""
    for folder, sizes in {
        "3_zorb": [(64, 64), (80, 80), (160, 80)],
        "1_小佐布": [(64, 64), (60, 120)],
    }.items():
        (tmp_path / folder).mkdir()
        for number, size in enumerate(sizes):
            Image.new("RGB", size, (40 * number, 90, 200)).save(tmp_path / folder / f"{number}.png")
    (tmp_path / "3_zorb" / "0.txt").write_text("one, two, three, four\nsecond line", encoding="utf-8")
    (tmp_path / "3_zorb" / "notes.md").write_text("no image", encoding="utf-8")
    (tmp_path / "not a repeats folder").mkdir()
    return {
        "pretrained_model_name_or_path": "base.safetensors",
        "train_data_dir": str(tmp_path),
        "resolution": "64,64",
        "enable_bucket": True,
        "min_bucket_reso": 32,
        "max_bucket_reso": 128,
        "bucket_reso_steps": 8,
        "train_batch_size": 2,
        "max_train_epochs": 2,
        "caption_extension": ".txt",
        "seed": 5,
    }


def read(arguments: dict[str, object], **changes: object) -> config.RunConfig:
    return config.from_arguments(Path("run"), {**arguments, **changes})


def test_items_have_captions_repeats_and_buckets(arguments: dict[str, object]) -> None:
    items = read_items(read(arguments))
    assert [(i.folder, i.path.name, i.repeats) for i in items] == [
        ("1_小佐布", "0.png", 1), ("1_小佐布", "1.png", 1),
        ("3_zorb", "0.png", 3), ("3_zorb", "1.png", 3), ("3_zorb", "2.png", 3),
    ]  # fmt: skip
    assert items[0].caption == "小佐布"  # no caption file: the concept
    assert items[2].caption == "one, two, three, four"
    assert {i.bucket for i in items} == {(64, 64), (88, 40), (40, 88)}
    assert all(Pictures().pixels(i).shape == (3, i.bucket[1], i.bucket[0]) for i in items)


def test_latents_are_encoded_once_and_mirrored(arguments: dict[str, object], base: BaseModel) -> None:
    seen: list[tuple[int, int]] = []
    items = read_items(read(arguments))
    buckets = encode(items, base, Needs(flip=True), lambda done, of: seen.append((done, of)))
    assert seen[-1] == (5, 5)
    assert {b.size: tuple(b.latents.shape) for b in buckets} == {
        (40, 88): (1, 2, 4, 11, 5),
        (64, 64): (3, 2, 4, 8, 8),
        (88, 40): (1, 2, 4, 5, 11),
    }
    assert batches_per_epoch(buckets, 2) == 1 + 4 + 2  # 1, 7 and 3 images with their repeats


def test_an_epoch_shows_each_image_as_often_as_it_is_repeated(
    arguments: dict[str, object], base: BaseModel
) -> None:
    run = read(arguments)
    buckets = encode(read_items(run), base, Needs(), lambda *_: None)
    schedule = epoch_schedule(buckets, 2)
    batches = list(RunData(run, buckets, 100).epoch(schedule, At(1, 0)))
    captions = [c for batch in batches for c in batch.captions]
    assert len(captions) == 11
    assert captions.count("one, two, three, four") == 3
    # Another seed: other images, but the same shapes at the same steps.
    others = list(RunData(dataclasses.replace(run, seed=6), buckets, 100).epoch(schedule, At(1, 0)))
    assert [b.latents.shape for b in others] == [b.latents.shape for b in batches]
    assert any(not torch.equal(a.latents, b.latents) for a, b in zip(batches, others, strict=True))


def test_regularisation_images_are_as_many_and_weigh_what_is_said(
    arguments: dict[str, object], base: BaseModel, tmp_path: Path
) -> None:
    folder = tmp_path / "reg" / "2_ball"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number}.png")
    run = read(arguments, reg_data_dir=str(tmp_path / "reg"), prior_loss_weight=0.25)
    items = read_items(run)
    reg = [item for item in items if item.is_reg]
    assert [item.repeats for item in reg] == [4, 4, 3]  # 2 each, then 5 more to make 11
    buckets = encode(items, base, Needs(), lambda *_: None)
    batches = list(RunData(run, buckets, 100).epoch(epoch_schedule(buckets, 2), At(1, 0)))
    told = [(c, w) for batch in batches for c, w in zip(batch.captions, batch.weights, strict=True)]
    assert len(told) == 22
    assert all((caption == "ball") == (weight == 0.25) for caption, weight in told)


def test_shuffling_keeps_the_first_tags(arguments: dict[str, object], base: BaseModel) -> None:
    run = read(arguments, shuffle_caption=True, keep_tokens=1)
    buckets = encode(read_items(run), base, Needs(), lambda *_: None)
    data = RunData(run, buckets, 100)
    found = {
        c
        for epoch in range(1, 9)
        for b in data.epoch(epoch_schedule(buckets, 2), At(epoch, 0))
        for c in b.captions
    }
    shuffled = {c for c in found if c.startswith("one")}
    assert len(shuffled) > 2
    assert all(sorted(c.split(", ")) == ["four", "one", "three", "two"] for c in shuffled)


def test_no_images_and_foreign_encodings_are_told(arguments: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "3_zorb" / "1.txt").write_bytes("红色的球".encode("gbk"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_items(read(arguments))
    with pytest.raises(UsageError, match="holds no image"):
        read_items(read(arguments, train_data_dir=str(tmp_path / "3_zorb")))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer_type": "Prodigious"}, "optimizer_type = 'Prodigious'"),
        ({"lr_scheduler": "reduce_lr_on_plateau"}, "lr_scheduler = 'reduce_lr_on_plateau'"),
        ({"dataset_config": "data.toml"}, "dataset_config"),
        ({"network_module": "networks.dylora"}, "networks.dylora"),
        ({"network_module": "lycoris.kohya", "network_args": ["algo=boft"]}, "algo = 'boft'"),
        (
            {"network_module": "lycoris.kohya", "network_args": ["train_norm=True", "rank_dropout=0.1"]},
            "rank_dropout with train_norm",
        ),
        (
            {"network_module": "lycoris.kohya", "scale_weight_norms": 1.0},
            "scale_weight_norms with lycoris.kohya",
        ),
        ({"network_args": ["conv_dim=four"]}, "it must be a whole number"),
        ({"optimizer_type": "AdamW", "optimizer_args": ["decouple=True"]}, "decouple"),
        ({"resume": "nowhere"}, "holds no state of the packed engine"),
        ({"made_up": 1}, "made_up"),
    ],
)
def test_what_it_doesnt_know_is_refused_by_name(
    arguments: dict[str, object], changes: dict[str, object], said: str
) -> None:
    assert support.unsupported(arguments) == []
    assert any(said in reason for reason in support.unsupported({**arguments, **changes}))
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        read(arguments, **changes)


def test_zero_is_a_value(arguments: dict[str, object]) -> None:
    run = read(arguments, text_encoder_lr=0.0, learning_rate=1e-3, max_grad_norm=0.0, seed=0, noise_offset=0)
    assert (run.text_encoder_lr(), run.unet_lr, run.max_grad_norm, run.seed) == (0.0, 1e-3, 0.0, 0)


def test_runs_share_a_pack_where_they_differ_only_in_their_own(arguments: dict[str, object]) -> None:
    key = support.pack_key(arguments)
    assert (
        support.pack_key({**arguments, "learning_rate": 1, "network_dim": 64, "seed": 9, "output_name": "x"})
        == key
    )
    assert support.pack_key({**arguments, "resolution": "128,128"}) != key
    assert support.pack_key({**arguments, "network_train_unet_only": True}) != key
