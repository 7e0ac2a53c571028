"""What may make a step quicker and changes no result: torch_compile, and the program's setting channels_last.

Off by default: whether they pay depends on the GPU, as `python -m benchmarks.gpu` measures. Imports no torch when it is
loaded: planning asks what isn't known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from train_tools.environment.gpus import CHANNELS_LAST_VARIABLE

if TYPE_CHECKING:
    from torch import nn

    from train_tools.engines.packed.config import RunConfig
    from train_tools.families.stable_diffusion.base import BaseModel

BACKEND, GRAPHS = "dynamo_backend", "cudagraphs"
# Of sd-scripts' choices; the last two compile nothing and are for looking for faults.
BACKENDS = ("inductor", GRAPHS, "aot_eager", "eager")
# Each block is compiled for itself, for each shape of a batch, and anew when the pack becomes smaller.
MOST_COMPILED = 4096


def why_not(arguments: Mapping[str, Any]) -> list[str]:
    backend = arguments.get(BACKEND) or BACKENDS[0]
    if not arguments.get("torch_compile") or backend in BACKENDS:
        return []
    known = ", ".join(BACKENDS)
    return [f"{BACKEND} = {backend!r} is not known to the packed engine; it knows {known}"]


def quickened(base: BaseModel, config: RunConfig, warn: Callable[[str], None]) -> BaseModel:
    """As it is asked for; what can't be done here is told, and the training goes on without."""
    import torch

    if os.environ.get(CHANNELS_LAST_VARIABLE) == "1":
        for module in (base.unet, base.vae):
            module.to(memory_format=torch.channels_last)
    if config.torch_compile:
        if fault := _fault(config.dynamo_backend, base.device):
            warn(f"torch_compile is left out: {fault}")
        else:
            compile_blocks(base.unet, config.dynamo_backend)
    return base


def compile_blocks(module: nn.Module, backend: str) -> int:
    """The blocks of a UNet: small enough to be compiled soon, and most of its time. Returns how many there are."""
    from diffusers.models.attention import BasicTransformerBlock
    from diffusers.models.resnet import ResnetBlock2D
    from torch._dynamo import config

    for limit in ("recompile_limit", "accumulated_recompile_limit"):
        setattr(config, limit, MOST_COMPILED)
    blocks = [part for part in module.modules() if isinstance(part, (BasicTransformerBlock, ResnetBlock2D))]
    for block in blocks:
        block.compile(backend=backend)
    return len(blocks)


def _fault(backend: str, device: Any) -> str:
    """Why nothing can be compiled here, as where a C++ compiler or Triton is missing; "" where it can."""
    import torch

    if backend == GRAPHS and device.type != "cuda":
        return f"{BACKEND} {GRAPHS} needs a GPU, and there is none"
    try:
        torch.compile(lambda numbers: numbers * 2 + 1, backend=backend)(torch.ones(8, device=device))
    except Exception as error:  # compilers fail in many ways
        lines = str(error).strip().splitlines()
        return f"torch can't compile with {backend} here ({lines[0] if lines else type(error).__name__})"
    return ""
