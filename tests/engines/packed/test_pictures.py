"""How images are scaled, cut, coloured and masked before they are trained."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_base import shallow_base

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import Batch, RunData, epoch_schedule, read_held_back, read_items
from train_tools.engines.packed.data.encoding import Bucket, Encoder, Needs, encode
from train_tools.engines.packed.data.pictures import Item, Pictures, drawn, scaled
from train_tools.engines.packed.data.wording import At
from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.base import BaseModel

REAL = os.environ.get("TRAIN_TOOLS_SD_SCRIPTS", "")


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return shallow_base()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures; the left half of each is transparent, and has a mask that is white on top."""
    made = tmp_path_factory.mktemp("images")
    (made / "2_zorb").mkdir()
    (made / "masks" / "2_zorb").mkdir(parents=True)
    for number, size in enumerate([(96, 128), (100, 130), (128, 96), (64, 64)]):
        pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 4), dtype=np.uint8)
        pixels[:, : size[0] // 2, 3], pixels[:, size[0] // 2 :, 3] = 0, 255
        Image.fromarray(pixels).save(made / "2_zorb" / f"{number}.png")
        mask = np.zeros(size[::-1], dtype=np.uint8)
        mask[: size[1] // 2] = 255
        Image.fromarray(mask).save(made / "masks" / "2_zorb" / f"{number}.png")
    return made


def config(folder: Path, **changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": str(folder), "resolution": "64,64",
        "enable_bucket": True, "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 8,
        "train_batch_size": 2, "max_train_epochs": 2, "seed": 3, **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


def shown(run: RunConfig, base: BaseModel, done: int = 0) -> list[Batch]:
    """What a run sees in its first epoch from a step on."""
    buckets = encode(read_items(run), base, Needs.of([run]), lambda *_: None)
    data = RunData(run, buckets, 100, Encoder(base, run.resize_interpolation))
    return list(data.epoch(epoch_schedule(buckets, run.batch_size), At(1, 0), done))


def areas(image: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Each new pixel is the mean of what it covers of the old ones."""

    def weights(old: int, new: int) -> np.ndarray[Any, Any]:
        edges = np.arange(new + 1) * old / new
        first, last = (
            np.maximum(edges[:-1, None], np.arange(old)),
            np.minimum(edges[1:, None], np.arange(1, old + 1)),
        )
        return np.clip(last - first, 0, None) * new / old

    rows, columns = weights(image.shape[0], size[1]), weights(image.shape[1], size[0])
    return np.einsum("ay,yxc,bx->abc", rows, image.astype(float), columns)


def test_pictures_are_made_smaller_by_their_areas_and_larger_by_lanczos() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    smaller = scaled(image, (44, 61))
    assert np.abs(smaller - areas(image, (44, 61))).max() <= 1
    larger = np.asarray(Image.fromarray(image).resize((140, 100), Image.Resampling.LANCZOS))
    assert np.array_equal(scaled(image, (140, 100)), larger)
    assert np.array_equal(scaled(image, (44, 100)), scaled(image, (44, 100), "lanczos"))  # one side grows
    assert not np.array_equal(scaled(image, (44, 61), "bicubic"), smaller)
    assert scaled(image, (70, 90)) is image


def test_a_run_sees_other_cuts_and_colours_each_time(folder: Path, base: BaseModel) -> None:
    plain = shown(config(folder), base)
    assert len({one.numpy().tobytes() for batch in plain for one in batch.latents}) == 4
    varied = config(folder, random_crop=True, color_aug=True, flip_aug=True)
    batches = shown(varied, base)
    assert len({one.numpy().tobytes() for batch in batches for one in batch.latents}) == 8
    assert [batch.latents.shape for batch in batches] == [batch.latents.shape for batch in plain]
    # The same run sees the same again, and one that goes on sees what is left.
    for again, first in zip(shown(varied, base, done=2), batches[2:], strict=True):
        assert torch.equal(again.latents, first.latents)
        assert again.captions == first.captions
    other = shown(dataclasses.replace(varied, seed=4), base)
    assert not torch.equal(other[0].latents, batches[0].latents)


def test_latents_are_kept_where_a_run_of_the_pack_sees_the_same_each_time(folder: Path) -> None:
    plain, varied = config(folder), config(folder, color_aug=True)
    assert Needs.of([varied, plain]).latents
    assert not Needs.of([varied]).latents


def test_without_buckets_a_random_cut_is_of_the_picture_as_it_is(folder: Path) -> None:
    run = config(folder, random_crop=True, enable_bucket=False)
    item = next(item for item in read_items(run) if item.original == (96, 128))
    views = [drawn(item, run, random.Random(seed)) for seed in range(50)]
    assert {view.resized for view in views} == {(96, 128)}
    assert {view.left for view in views} <= set(range(33))
    assert max(view.top for view in views) > 32
    whole = np.asarray(Image.open(item.path).convert("RGB"))
    view = views[0]
    cut = whole[view.top : view.top + 64, view.left : view.left + 64]
    assert torch.equal(
        Pictures().pixels(item, view), torch.from_numpy(cut.copy()).permute(2, 0, 1) / 127.5 - 1
    )


def test_colours_stay_near(folder: Path) -> None:
    run = config(folder, color_aug=True)
    item = read_items(run)[0]
    views = [drawn(item, run, random.Random(seed)) for seed in range(300)]
    hues, gammas = [view.hue for view in views if view.hue], [view.gamma for view in views if view.gamma != 1]
    assert 25 < len(hues) < 75
    assert 25 < len(gammas) < 75
    plain = Pictures().pixels(item)
    for view in views[:60]:
        changed = Pictures().pixels(item, view)
        assert torch.equal(changed, plain) == (not view.hue and view.gamma == 1)
        assert (changed - plain).abs().mean() < 0.2


def test_cuts_lie_around_faces(tmp_path: Path) -> None:
    (tmp_path / "1_zorb").mkdir()
    Image.new("RGB", (300, 200)).save(tmp_path / "1_zorb" / "a_b_200_60_50_40.png")
    Image.new("RGB", (300, 200)).save(tmp_path / "1_zorb" / "no_face_here_at_all.png")
    run = config(tmp_path, face_crop_aug_range="1.5,1.5", enable_bucket=False)
    face, without = read_items(run)
    assert face.face == (200, 60, 50, 40)
    view = drawn(face, run, random.Random(1))
    # 64 pixels show one and a half times the face's 50: the picture is as large as 64 / 75.
    assert view.resized == (256, 171)
    assert (view.left, view.top) == (171 - 32, 51 - 32)
    assert drawn(without, run, random.Random(1)).resized == without.resized
    spread = [
        drawn(face, dataclasses.replace(run, random_crop=True), random.Random(s)).left for s in range(20)
    ]
    assert len(set(spread)) > 5
    with pytest.raises(UsageError, match="two numbers"):
        config(tmp_path, face_crop_aug_range="2.0")


@pytest.mark.parametrize("varied", [False, True])
def test_masks_are_shrunk_and_mirrored_with_their_pictures(
    folder: Path, base: BaseModel, varied: bool
) -> None:
    more = {"random_crop": True} if varied else {}
    for batch in shown(config(folder, alpha_mask=True, flip_aug=True, **more), base):
        assert batch.masks is not None
        assert batch.masks.shape == (*batch.latents.shape[:1], 1, *batch.latents.shape[2:])
        for mask in batch.masks:  # one half is seen, whichever way round
            sides = sorted([float(mask[..., :3].mean()), float(mask[..., -3:].mean())])
            assert sides[0] < 0.4 < 0.6 < sides[1]
    for batch in shown(
        config(folder, masked_loss=True, conditioning_data_dir=str(folder / "masks"), alpha_mask=True), base
    ):
        assert batch.masks is not None
        assert float(batch.masks[:, :, :3].mean()) == 1
        assert float(batch.masks[:, :, -3:].mean()) == 0
    assert all(batch.masks is None for batch in shown(config(folder), base))


def test_an_image_without_its_mask_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        read_items(config(folder, masked_loss=True, conditioning_data_dir=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="no mask 0 for"):
        read_items(config(folder, masked_loss=True, conditioning_data_dir=str(tmp_path)))


def test_some_images_are_held_back(folder: Path) -> None:
    run = config(folder, validation_split=0.25, validation_seed=7)
    trained, kept = read_items(run), read_held_back(run)
    assert (len(trained), len(kept)) == (3, 1)
    assert not {item.path for item in trained} & {item.path for item in kept}
    others = {read_held_back(dataclasses.replace(run, validation_seed=seed))[0].path for seed in range(9)}
    assert len(others) > 1
    with pytest.raises(UsageError, match="leaves no image"):
        read_items(dataclasses.replace(run, validation_split=1.0))


def of_sd_scripts(script: str, *arguments: str) -> str:
    """What a piece of Python says in sd-scripts' own interpreter, its library beside it."""
    python = Path(REAL) / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    start = f"import sys; sys.path.insert(0, {REAL!r})\n"
    done = subprocess.run(
        [python, "-c", start + script, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason="TRAIN_TOOLS_SD_SCRIPTS names no checkout of sd-scripts")
def test_pixels_and_the_split_are_those_of_sd_scripts(folder: Path, tmp_path: Path) -> None:
    run = config(folder, validation_split=0.5, validation_seed=11)
    items: list[Item] = read_items(config(folder))
    rows = [[str(i.path), i.bucket, i.resized] for i in items]
    script = f"""
import numpy as np, random
from library import train_util
for number, (path, bucket, resized) in enumerate({rows!r}):
    image = train_util.load_image(path)
    np.save(f"{tmp_path}/{{number}}.npy", train_util.trim_and_resize_if_required(False, image, bucket, resized)[0])
paths = sorted(path for path, _, _ in {rows!r})
print(train_util.split_train_val(paths, [None] * len(paths), False, 0.5, 11)[0])
"""
    said = of_sd_scripts(script)
    for number, item in enumerate(items):
        theirs = torch.from_numpy(np.load(tmp_path / f"{number}.npy")).permute(2, 0, 1) / 127.5 - 1
        assert torch.equal(Pictures().pixels(item), theirs)
    assert said.strip().splitlines()[-1] == str([str(item.path) for item in read_held_back(run)])


def test_a_bucket_without_latents_is_trained_by_varied_runs_alone(folder: Path, base: BaseModel) -> None:
    run = config(folder, random_crop=True)
    buckets: list[Bucket] = encode(read_items(run), base, Needs.of([run]), lambda *_: None)
    assert all(len(bucket.latents) == 0 for bucket in buckets)
