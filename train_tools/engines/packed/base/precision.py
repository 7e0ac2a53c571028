"""In which numbers a pack computes, learns and holds its base model, as sd-scripts' arguments ask for.

mixed_precision is what is computed, and what the base model is held in, while LoRAs are learned in fp32. full_bf16 and
full_fp16 hold LoRAs, their gradients and the optimizer's numbers so, too. With fp8_base or fp8_base_unet the base model
is held in fp8 and cast where it is used (fp8.py). no_half_vae encodes images in fp32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from train_tools.engines.packed.base.fp8 import hold
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.network.layers import merge_base_weights
from train_tools.families.loading import CPU, load
from train_tools.families.stable_diffusion.base import BaseModel

PRECISIONS: Mapping[str, torch.dtype | None] = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def base_dtype(config: RunConfig) -> torch.dtype:
    return PRECISIONS[config.mixed_precision] or torch.float32


def vae_dtype(config: RunConfig) -> torch.dtype:
    return torch.float32 if config.no_half_vae else base_dtype(config)


def trained_dtype(config: RunConfig, base: BaseModel) -> torch.dtype:
    """Of LoRAs: fp32 also over a base in half precision, and more where the base has more."""
    if config.full_bf16 or config.full_fp16:
        return base_dtype(config)
    return torch.promote_types(base.dtype, torch.float32)


def computing(config: RunConfig, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Within this context all is computed as mixed_precision says."""
    dtype = PRECISIONS[config.mixed_precision]
    return contextlib.nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def loaded(config: RunConfig, device: torch.device) -> BaseModel:
    """The base model on `device`, and its VAE, as they are asked for."""
    is_eighth = config.fp8_base or config.fp8_base_unet
    base = load(
        config.base_model,
        vae=config.vae,
        # Layer by layer from the CPU: in half precision it might not fit onto the GPU.
        device=CPU if is_eighth else device,
        dtype=base_dtype(config),
        vae_dtype=vae_dtype(config),
    )
    merge_base_weights(config, base)
    if is_eighth:
        # sd-scripts encodes texts that are cached before it converts the text encoders.
        keeps_texts = config.fp8_base_unet or (config.train_unet_only and config.cache_text_encoder_outputs)
        for module in (base.unet, *(() if keeps_texts else base.text_encoders)):
            hold(module, base_dtype(config), device)
        for module in (*base.text_encoders, base.vae):
            module.to(device)
    return base


def free(module: nn.Module, where: torch.device = CPU) -> None:
    """Takes a module that isn't needed any more off the GPU; the memory is another program's to use, too."""
    module.to(where)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
