"""Packs on each family that the engine trains, with the options that change how a base model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import Batch, _sizes
from train_tools.engines.packed.data.pictures import Item
from train_tools.engines.packed.step.pack import Pack
from train_tools.families.loading import KINDS
from train_tools.families.registry import FAMILIES
from train_tools.families.stable_diffusion import long_texts, narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya

PACKED = [family.name for family in FAMILIES if family.is_packed]
LONG = ", ".join(f"word{number} of many" for number in range(30))
STEPS = 2


@pytest.fixture(scope="module", params=PACKED)
def base(request: pytest.FixtureRequest) -> BaseModel:
    return narrow.build(KINDS[request.param])


def config(seed: int, **changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1,
        "learning_rate": 1e-3, "network_dim": 2 + seed, "network_alpha": 2, "seed": seed, **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


def batches(seed: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        latents = torch.randn(2, 4, 8, 8, generator=generator)
        captions = [f"a (picture:1.3) of {seed}", LONG if step % 2 else "two"]
        sizes = [(64, 96, 0, 16, 64, 64), (640, 640, 0, 0, 64, 64)]
        masks = torch.rand(2, 1, 8, 8, generator=generator) if seed == 2 else None
        yield Batch(latents, captions, [1.0, 0.5], sizes, masks)


def trained(configs: list[RunConfig], base: BaseModel) -> tuple[list[list[float]], Pack]:
    pack = Pack(configs, base, STEPS)
    streams = [batches(run.seed) for run in configs]
    with pack.stack.attached():
        losses = [pack.step(list(rows)) for rows in zip(*streams, strict=True)]
    return [list(row) for row in zip(*losses, strict=True)], pack


OPTIONS: list[Any] = [
    {}, {"gradient_checkpointing": True}, {"mixed_precision": "fp16"},
    *(pytest.param(given, marks=pytest.mark.thorough) for given in (
        {"max_token_length": 225}, {"weighted_captions": True}, {"mixed_precision": "bf16"},
        {"v_parameterization": True, "zero_terminal_snr": True},
        {"optimizer_type": "AdamW8bit"}, {"optimizer_type": "Adafactor"},
        {"optimizer_type": "Prodigy", "learning_rate": 1.0}, {"clip_skip": 2},
    )),
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_run_is_the_same_beside_another(base: BaseModel, options: dict[str, Any]) -> None:
    if options and base.family.name != (PACKED[-1] if "max_token_length" in options else PACKED[0]):
        pytest.skip("options are tried on one family")
    runs = [config(seed, **options) for seed in (1, 2)]
    together, _ = trained(runs, base)
    is_half = "mixed_precision" in options
    for run, losses in list(zip(runs, together, strict=True))[1:]:
        (alone,), _ = trained([run], base)
        assert losses == pytest.approx(alone, rel=2e-2 if is_half else 1e-4)
        assert len(set(losses)) == STEPS


def test_checkpointing_changes_no_gradient(base: BaseModel) -> None:
    if base.family.name != PACKED[0]:
        pytest.skip("it is tried on the quickest family")
    found = []
    for is_on in (False, True):
        pack = Pack([config(1, gradient_checkpointing=is_on)], base, STEPS)
        rows = [next(batches(1))]
        with pack.stack.attached():
            pack.backward(pack.losses(rows, pack.draw(rows)))
        found.append(pack.gradients.clone())
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-7)


def test_the_file_has_sd_scripts_names(base: BaseModel, tmp_path: Path) -> None:
    _, pack = trained([config(1)], base)
    tensors = kohya.tensors_of(pack.stack, 0, torch.float32)
    starts = {name.split("_")[1] for name in tensors}
    encoders = len(base.text_encoders)
    assert starts == {"unet", *(["te"] if encoders == 1 else ["te1", "te2"])}
    assert all(
        float(t.abs().sum()) > 0
        for name, t in tensors.items()
        if name.endswith("lora_up.weight") and "unet" in name
    )


def test_each_text_encoder_may_have_its_rate(base: BaseModel) -> None:
    if len(base.text_encoders) == 1:
        pytest.skip("it has one")
    _, pack = trained([config(1, text_encoder_lr=[0.0, 1e-3], optimizer_args=["weight_decay=0"])], base)
    tensors = kohya.tensors_of(pack.stack, 0, torch.float32)
    moved = {
        encoder: sum(float(t.abs().sum()) for n, t in tensors.items() if n.startswith(encoder) and "up" in n)
        for encoder in ("lora_te1", "lora_te2")
    }
    assert moved["lora_te1"] == 0
    assert moved["lora_te2"] > 0


def test_long_texts_are_read_to_their_end(base: BaseModel) -> None:
    ids = long_texts.tokens(base, [LONG, "short"], 225)
    assert [tuple(one.shape) for one in ids] == [(2, 231)] * len(base.text_encoders)
    with torch.no_grad():
        long = long_texts.embed(base, ids)
        assert long.hidden.shape[1] == 227
        other = long_texts.embed(base, long_texts.tokens(base, [LONG + ", and more", "short"], 225))
        usual = base.embed(base.tokens(["short"]))
        cut = long_texts.embed(base, long_texts.tokens(base, [LONG, LONG + ", and more"], 75))
    assert not torch.equal(long.hidden[0, 150:], other.hidden[0, 150:])
    torch.testing.assert_close(long.hidden[1, :76], usual.hidden[0, :76])
    torch.testing.assert_close(cut.hidden[0], cut.hidden[1])
    if usual.pooled is not None:
        assert long.pooled is not None
        torch.testing.assert_close(long.pooled[1], usual.pooled[0])


def test_sizes_are_those_that_sd_scripts_tells() -> None:
    """BucketManager.get_crop_ltrb of 48d368fa, by hand."""
    item = Item(Path(), "", "", 1, (96, 64), (64, 64), original=(900, 600))
    # Fitted into the bucket it is 64 x 42.67: its top lies 10.67 down, which is cut to 10.
    assert _sizes(item, flipped=False) == (600, 900, 10, 0, 64, 64)
    assert _sizes(item, flipped=True) == (600, 900, 10, 0, 64, 64)
    tall = Item(Path(), "", "", 1, (64, 96), (64, 64), original=(600, 900))
    assert _sizes(tall, flipped=False) == (900, 600, 0, 10, 64, 64)
    assert _sizes(tall, flipped=True) == (900, 600, 0, 11, 64, 64)
