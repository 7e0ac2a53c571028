"""Base models of their families' true sizes with no true weights: for counting, and for timing on a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from train_tools.families.stable_diffusion import tokenizer
from train_tools.families.stable_diffusion.base import BaseModel, Sizes
from train_tools.families.stable_diffusion.building import count_positions
from train_tools.families.stable_diffusion.narrow import without_memory

VAE = (128, 256, 512, 512)
TRUE: Mapping[str, Sizes] = {
    "sd1": Sizes((320, 640, 1280, 1280), (1, 1, 1, 0), ((768, 12),), VAE),
    "sd2": Sizes((320, 640, 1280, 1280), (1, 1, 1, 0), ((1024, 24),), VAE),
    "sdxl": Sizes((320, 640, 1280), (0, 2, 10), ((768, 12), (1280, 32)), VAE),
}
CPU = torch.device("cpu")


def true_size(
    kind: type[BaseModel],
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    narrow: bool = False,
) -> BaseModel:
    """Random weights, made where they are to be; `narrow`: of the tests' sizes."""
    sizes = kind.narrow if narrow else TRUE[kind.family.name]
    modules = [_filled(module, device, dtype) for module in without_memory(kind, sizes)]
    unet, vae, *texts = (module.eval().requires_grad_(False) for module in modules)
    words = tuple(tokenizer.shared(encoder.filled_by) for encoder in kind.encoders)
    return kind("random", unet, vae, tuple(texts), words)


@torch.no_grad()
def _filled(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """By hand: tensors that compute nothing can't be swapped for those of another device."""
    for part in module.modules():
        for name, value in part.named_parameters(recurse=False):
            made = torch.empty(value.shape, device=device, dtype=dtype)
            if value.dim() > 1:
                made.normal_(0, value[0].numel() ** -0.5)
            else:
                made.fill_(float(name == "weight"))
            part.register_parameter(name, nn.Parameter(made, requires_grad=False))
        for name, value in part.named_buffers(recurse=False):
            part._buffers[name] = torch.zeros(value.shape, device=device, dtype=value.dtype)  # noqa: SLF001
    count_positions(module, device)
    return module
