"""Renders cells packed: samples with different LoRAs and weights go through the base in one batch.

Sample n belongs to checkpoint n // B and has its own multipliers for each block of the UNet and for the text encoders,
for the prompt and the negative prompt: the mathematics of the packed engine. Seed, prompts and guidance are each
sample's own, too. What isn't two factors beside a layer is put into the base's weights for a batch of one checkpoint
and weight, and taken out again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_tools.families.block_weights import Blocks26, factor
from train_tools.families.stable_diffusion import webui_prompts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning
from train_tools.families.stable_diffusion.denoising import Wish, draw
from train_tools.lora.fit import Fitted, fit, merged, stack_of
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import Target, layers_of

from . import samplers


@dataclass(frozen=True)
class Request(Wish):
    """At weights of 0 without LoRA. `blocks` are 26 weights, empty: 1 everywhere."""

    weight_unet: float = 0.0
    weight_te: float = 0.0
    blocks: Blocks26 = ()

    @property
    def strength(self) -> tuple[float, float, Blocks26]:
        """What is the same for pictures that one merged LoRA can draw."""
        return self.weight_unet, self.weight_te, self.blocks


@dataclass(frozen=True)
class Frame:
    """What all pictures of a batch share; sizes in pixels, multiples of 8."""

    width: int
    height: int
    clip_skip: int = 1
    sampler: str = "DDIM"
    scheduler: str = samplers.AUTOMATIC
    steps: int = 20


def render_base(base: BaseModel, requests: list[Request], frame: Frame) -> list[Image.Image]:
    """Pictures of the base model alone, one batch."""
    return _sample(base, None, [requests], frame)


def render_loras(
    base: BaseModel, files: list[LoraFile], requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    """`requests[k]` are pictures with `files[k]`, as many for each file; in that order.

    Raises TrainToolsError where a file doesn't fit the base model.
    """
    layers = lora_layers(base)
    return render_fitted(base, [fit(file, layers) for file in files], requests, frame)


def lora_layers(base: BaseModel) -> Mapping[str, Target]:
    """By all names that files have for them."""
    return layers_of(base, base.family.network.names)


def render_fitted(
    base: BaseModel, files: list[Fitted], requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    """In one batch where all files are plain; else in one for each file and strength."""
    if all(file.is_plain for file in files):
        stack = stack_of(files, base.device, base.dtype)
        with stack.attached():
            return _sample(base, stack, requests, frame)
    return [
        picture
        for file, row in zip(files, requests, strict=True)
        for _, same in groupby(row, key=lambda request: request.strength)
        for picture in _with_merged(base, file, list(same), frame)
    ]


def _with_merged(base: BaseModel, file: Fitted, requests: list[Request], frame: Frame) -> list[Image.Image]:
    with merged(file, lambda target: strength_of(target, requests[0])):
        return _sample(base, None, [requests], frame)


def strength_of(target: Target, request: Request) -> float:
    """By what the LoRA is multiplied at a layer."""
    weight = request.weight_te if target.is_text else request.weight_unet
    return weight * (factor(request.blocks, target.name) if request.blocks else 1.0)


def _sample(
    base: BaseModel, stack: LoraStack | None, requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    scheduler = samplers.make(frame.sampler, frame.scheduler, frame.steps, base.noise)
    multipliers = _multipliers(stack, requests, base.device, base.dtype) if stack else []

    def embed(texts: list[str]) -> Conditioning:
        return webui_prompts.embed(base, texts, frame.clip_skip)

    with stack.multiplied(multipliers) if stack else contextlib.nullcontext():
        return draw(
            base, requests, (frame.width, frame.height), scheduler, embed,
            with_noise=samplers.SAMPLERS[frame.sampler].with_noise,
        )  # fmt: skip


def _multipliers(
    stack: LoraStack, requests: list[list[Request]], device: torch.device, dtype: torch.dtype
) -> list[Tensor]:
    """For each delta of the stack those of all samples (K, 2B): those with the negative prompt stand first."""
    made: dict[tuple[Any, ...], Tensor] = {}
    result = []
    for delta in stack.deltas:
        rows = tuple(tuple(strength_of(delta.target, request) for request in row) * 2 for row in requests)
        if rows not in made:  # few are different, and each would be a small copy to the GPU
            made[rows] = torch.tensor(rows, device=device, dtype=dtype)
        result.append(made[rows])
    return result
