"""Where weights live and in which format: counted in the modules themselves, and equal to what sd-scripts computes."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train_tools.engines.packed.base import precision
from train_tools.engines.packed.base.fp8 import FP8, hold
from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data import captions
from train_tools.engines.packed.data.batches import Batch, Item
from train_tools.engines.packed.step.pack import Pack
from train_tools.errors import UsageError
from train_tools.families.loading import CPU, KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

NOWHERE = torch.device("meta")  # what lies there takes no memory, and can't be used
TEXTS = ["a red ball", "zorb, on a blue background"]
STEPS = 3


def config(seed: int = 1, **changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": str(base_model_file()), "train_data_dir": "data", "max_train_epochs": 1,
        "learning_rate": 1e-3, "network_dim": 2 + seed, "network_alpha": 2, "seed": seed, "mixed_precision": "bf16",
        **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


def batches(seed: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        yield Batch(
            torch.randn(2, 4, 8, 8, generator=generator), TEXTS, [1.0, 1.0], [(64, 64, 0, 0, 64, 64)] * 2
        )


def trained(
    runs: list[RunConfig], base: BaseModel, known: captions.CaptionCache | None = None
) -> tuple[Any, Pack]:
    pack = Pack(runs, base, STEPS, known)
    streams = [batches(run.seed) for run in runs]
    with pack.stack.attached():
        losses = [pack.step(list(rows)) for rows in zip(*streams, strict=True)]
    return [list(row) for row in zip(*losses, strict=True)], pack


def held(module: nn.Module) -> Counter[torch.dtype]:
    """Bytes by format."""
    found: Counter[torch.dtype] = Counter()
    for tensor in module.parameters():
        found[tensor.dtype] += tensor.nbytes
    return found


def image(caption: str) -> Item:
    return Item(Path("1.png"), "1_zorb", caption, 1, (64, 64), (64, 64))


@pytest.mark.parametrize(("asked", "vae"), [({}, torch.bfloat16), ({"no_half_vae": True}, torch.float32)])
def test_a_base_in_half_precision_leaves_no_other_copy(asked: dict[str, Any], vae: torch.dtype) -> None:
    base = precision.loaded(config(**asked), CPU)
    models = [base.unet, *base.text_encoders]
    assert {dtype for model in models for dtype in held(model)} == {torch.bfloat16}
    assert set(held(base.vae)) == {vae}
    shapes = {p.shape for model in models for p in model.parameters() if p.numel() > 10_000}
    gc.collect()
    copies = [one for one in gc.get_objects() if type(one) is Tensor and one.dtype == torch.float32]
    assert not [one.shape for one in copies if one.shape in shapes]


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ({"fp8_base": True}, FP8),
        ({"fp8_base_unet": True}, torch.bfloat16),
        # sd-scripts encodes them before it converts the text encoders.
        (
            {"fp8_base": True, "network_train_unet_only": True, "cache_text_encoder_outputs": True},
            torch.bfloat16,
        ),
    ],
)
def test_a_base_in_fp8_takes_a_byte_for_a_weight(asked: dict[str, Any], texts: torch.dtype) -> None:
    base = precision.loaded(config(**asked), CPU)
    unet = held(base.unet)
    assert set(unet) == {FP8, torch.bfloat16}
    assert unet[torch.bfloat16] < 0.1 * unet[FP8]
    layers = [m for m in base.text_encoders[0].modules() if isinstance(m, nn.Linear)]
    assert {layer.weight.dtype for layer in layers} == {texts}
    assert set(held(base.vae)) == {torch.bfloat16}


@pytest.mark.parametrize("checkpointed", [False, True])
def test_fp8_computes_as_a_model_that_is_rounded_to_it(checkpointed: bool) -> None:
    run = config(gradient_checkpointing=checkpointed)
    rounded, stored = (precision.loaded(run, CPU) for _ in range(2))
    for module in (rounded.unet, *rounded.text_encoders):
        for parameter in module.parameters():
            parameter.data = parameter.data.to(FP8).to(parameter.dtype)
    for module in (stored.unet, *stored.text_encoders):
        hold(module, torch.bfloat16, CPU)
    expected, found = trained([run], rounded), trained([run], stored)
    assert found[0] == expected[0]
    torch.testing.assert_close(found[1].gradients, expected[1].gradients)


def test_no_copy_of_a_weight_waits_for_the_gradient() -> None:
    base = precision.loaded(config(fp8_base=True), CPU)
    pack = Pack([config()], base, 1)
    shapes = {m.weight.shape for m in base.unet.modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    shapes -= {base.unet.conv_in.weight.shape}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    (batch, *_) = batches(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), pack.stack.attached():
        pack.losses([batch], pack.draw([batch]))
    saved = [tensor for tensor in kept if tensor.shape in shapes]
    assert saved
    assert {tensor.dtype for tensor in saved} == {FP8}


@pytest.mark.parametrize("half", ["bf16", pytest.param("fp16", marks=pytest.mark.thorough)])
def test_full_half_precision_learns_in_it(half: str) -> None:
    runs = [config(seed, mixed_precision=half, **{f"full_{half}": True}) for seed in (1, 2)]
    base = precision.loaded(runs[0], CPU)
    together, pack = trained(runs, base)
    dtype = precision.PRECISIONS[half]
    assert pack.stack.flat.dtype == pack.gradients.dtype == dtype
    moments = [tensor for name, tensor in pack.tensors(0).items() if "exp_avg" in name]
    assert moments
    assert {moment.dtype for moment in moments} == {dtype}
    (alone,), _ = trained(runs[1:], base)
    assert together[1] == pytest.approx(alone, rel=2e-2)
    assert len(set(together[1])) == STEPS


@pytest.mark.parametrize("name", ["full_bf16", "full_fp16", "fp8_base", "fp8_base_unet"])
def test_what_must_be_computed_in_half_precision(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} needs mixed_precision .*; set that, or leave it out"):
        config(mixed_precision="no", **{name: True})


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_text_encoders_leave_where_no_text_is_new(family: str) -> None:
    run = config(network_train_unet_only=True, caption_dropout_rate=0.1, mixed_precision="no")
    base = narrow.build(KINDS[family])
    expected, _ = trained([run], base)
    known = captions.prepared([run], [image(text) for text in TEXTS], base, away=NOWHERE)
    assert {p.device.type for encoder in base.text_encoders for p in encoder.parameters()} == {"meta"}
    assert {p.device.type for p in base.unet.parameters()} == {"cpu"}
    assert trained([run], base, known)[0] == expected
    assert len(known.embed([""])) == 1


@pytest.mark.parametrize(
    "needed",
    [{"network_train_unet_only": False}, {"shuffle_caption": True}, {"caption_tag_dropout_rate": 0.1},
     {"token_warmup_step": 4}, {"enable_wildcard": True}],
    ids=str,
)  # fmt: skip
def test_text_encoders_stay_where_texts_are_new(needed: dict[str, Any]) -> None:
    base = narrow.build(KINDS["sd1"])
    runs = [config(**{"network_train_unet_only": True, **needed})]
    captions.prepared(runs, [image(text) for text in TEXTS], base, away=NOWHERE)
    assert {p.device.type for encoder in base.text_encoders for p in encoder.parameters()} == {"cpu"}


def test_new_texts_at_each_step_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MOST_KNOWN", 4)
    known = captions.CaptionCache(narrow.build(KINDS["sd1"]), 1, 75)
    for number in range(12):
        assert len(known.embed([f"text {number}", "another"])) == 2
        assert len(known._known) <= 4 + 1


def test_attention_is_torch_s_own_whatever_is_asked_for() -> None:
    base = precision.loaded(config(xformers=True, mem_eff_attn=True, lowram=True), CPU)
    assert {type(one).__name__ for one in base.unet.attn_processors.values()} == {"AttnProcessor2_0"}
    assert {encoder.config._attn_implementation for encoder in base.text_encoders} == {"sdpa"}
