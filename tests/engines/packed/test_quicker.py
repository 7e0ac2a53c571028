"""What may make a step quicker changes no result, and what can't be had here is left out and told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.packed import test_lives as lives
from engines.packed import test_resume as runs
from engines.packed.test_resume import engine, events, in_double_precision

from benchmarks.packed_training import batch_of, config
from train_tools.engines.packed import train
from train_tools.engines.packed.base import quicker
from train_tools.engines.packed.base.quicker import BACKENDS, compile_blocks
from train_tools.engines.packed.step.pack import Pack
from train_tools.engines.packed.support import pack_key, unsupported
from train_tools.environment.gpus import CHANNELS_LAST_VARIABLE
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

small_model, make = runs.small_model, lives.make
Make = Callable[..., Path]
WITH_CONVOLUTIONS = {"network_args": ["conv_dim=2", "conv_alpha=1"], "max_train_epochs": 1}


def test_channels_last_trains_the_same(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, other = (make(name, seed=1, **WITH_CONVOLUTIONS) for name in ("plain", "other"))
    seen: list[bool] = []

    def watched(*arguments: Any) -> BaseModel:
        base = quicker.quickened(*arguments)
        seen.append(base.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last))
        return base

    monkeypatch.setattr(train, "quickened", watched)
    with in_double_precision():
        assert engine([plain]) == 0
        monkeypatch.setenv(CHANNELS_LAST_VARIABLE, "1")
        assert engine([other]) == 0
    assert seen == [False, True]
    losses = [[event["loss"] for event in events(folder, "step")] for folder in (plain, other)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


def trained(part: str, backend: str, after: int) -> tuple[list[float], torch.Tensor]:
    """The losses of two runs, and their gradients, `after` so many other packs on the same base, a `part` of whose UNet
    is compiled, "" none.
    """
    base = load(base_model_file())
    if part:
        assert compile_blocks(base.unet.get_submodule(part), backend) == 1
    for seeds in [(5, 6)] * after + [(0, 1)]:
        torch.manual_seed(0)
        batches = [batch_of(1, 8)] * 2
        pack = Pack([config(seed, "AdamW", network_dim=8 - seed) for seed in seeds], base, 4)
        with pack.stack.attached():
            losses = [loss for _ in range(2) for loss in pack.step(batches)]
    return losses, pack.gradients


@pytest.mark.parametrize(
    ("part", "backend", "after"),
    [
        ("mid_block.attentions", "eager", 0),  # compiling takes seconds; nothing smaller has deltas in it
        pytest.param("mid_block.attentions", "eager", 1, marks=pytest.mark.thorough),
        pytest.param("mid_block.attentions", "inductor", 0, marks=pytest.mark.thorough),
    ],
)
def test_compiled_blocks_train_the_same(part: str, backend: str, after: int) -> None:
    expected, gradients = trained("", "", after)
    found, own = trained(part, backend, after)
    assert found == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(own, gradients, rtol=1e-3, atol=1e-5 * float(gradients.abs().max()))
    torch._dynamo.reset()


def test_what_cant_be_compiled_here_is_told_and_trained_without(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = make("graphs", torch_compile=True, dynamo_backend="cudagraphs", max_train_epochs=1)
    assert engine([graphs]) == 0
    (warning,) = events(graphs, "warning")
    assert (
        warning["text"]
        == "torch_compile is left out: dynamo_backend cudagraphs needs a GPU, and there is none"
    )

    def no_compiler(*_: Any, **__: Any) -> Any:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")

    monkeypatch.setattr(torch, "compile", no_compiler)
    told: list[str] = []
    quicker.quickened(load(base_model_file()), config(1, "AdamW", torch_compile=True), told.append)
    assert told == [
        "torch_compile is left out: torch can't compile with inductor here (Failed to find C compiler.)"
    ]


def test_which_backends_the_engine_knows() -> None:
    plain = {"max_train_epochs": 1, "optimizer_type": "AdamW"}
    assert not any(unsupported({**plain, "torch_compile": True, "dynamo_backend": name}) for name in BACKENDS)
    assert unsupported({**plain, "torch_compile": True, "dynamo_backend": "tvm"}) == [
        "dynamo_backend = 'tvm' is not known to the packed engine; it knows inductor, cudagraphs, aot_eager, eager"
    ]
    assert unsupported({**plain, "dynamo_backend": "tvm"}) == []
    assert pack_key({**plain, "torch_compile": True}) != pack_key(plain)
