"""Renders cells packed: samples with different LoRAs and weights go through the base in one batch.

Sample n belongs to checkpoint n // B and has its own multipliers for each block of the UNet and for the text encoders,
for the prompt and the negative prompt: the mathematics of the packed engine. Seed, prompts and guidance are each
sample's own, too. What isn't two factors beside a layer is put into the base's weights for a batch of one checkpoint
and weight, and taken out again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning
from train_tools.lora.fit import Fitted, fit, merged, stack_of
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import Target, layers_of

from . import memory, samplers
from .block_weights import Blocks26, factor
from .decoding import decode


@dataclass(frozen=True)
class Request:
    """A picture to render; at weights of 0 without LoRA. `blocks` are 26 weights, empty: 1 everywhere.

    `rescale` is the guidance rescale, 0 … 1.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 1
    cfg_scale: float = 5.0
    weight_unet: float = 0.0
    weight_te: float = 0.0
    blocks: Blocks26 = ()
    rescale: float = 0.0

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


@torch.no_grad()
def _sample(
    base: BaseModel, stack: LoraStack | None, requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    device, dtype = base.device, base.dtype
    each, flat = len(requests[0]), [request for row in requests for request in row]
    scheduler = samplers.make(frame.sampler, frame.scheduler, frame.steps, base.noise)
    shape = (4, frame.height // 8, frame.width // 8)
    generators = [torch.Generator().manual_seed(request.seed) for request in flat]
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    latents = noise.to(device, dtype) * scheduler.init_noise_sigma
    more = {"generator": generators} if samplers.SAMPLERS[frame.sampler].with_noise else {}
    guide = _guide(requests, latents)
    multipliers = _multipliers(stack, requests, device, dtype) if stack else []
    with stack.multiplied(multipliers) if stack else contextlib.nullcontext():
        conditioning = _conditioning(base, requests, frame.clip_skip)
        for step in scheduler.timesteps:
            scaled = scheduler.scale_model_input(latents, step)
            doubled = scaled.view(len(requests), 1, each, *shape).expand(-1, 2, -1, -1, -1, -1)
            predicted = base.predict(doubled.reshape(-1, *shape), step, conditioning)
            without, wanted = predicted.view(len(requests), 2, each, *shape).unbind(1)
            guided = guide(without, wanted).reshape(latents.shape)
            latents = scheduler.step(guided, step, latents, **more).prev_sample
    if not torch.isfinite(latents).all():
        raise TrainToolsError(
            "a picture has values that aren't finite; try another sampler, fewer steps or lower weights"
        )
    return decode(base, latents)


def _conditioning(base: BaseModel, requests: list[list[Request]], clip_skip: int) -> Conditioning:
    """Each checkpoint's share of the batch: its pictures with the negative prompt, then with the prompt."""
    prompts = [
        prompt for row in requests for prompt in [*(r.negative_prompt for r in row), *(r.prompt for r in row)]
    ]
    _move_texts(base, base.device)
    found = base.embed(base.tokens(prompts), clip_skip)
    if memory.is_small(base.device):
        _move_texts(base, torch.device("cpu"))
    if found.pooled is None:
        return found
    # As webuis draw with SDXL, and diffusers without a negative prompt: none is zeros, not an empty text's vectors.
    is_none = [
        not text for row in requests for text in [*(r.negative_prompt for r in row), *["-" for _ in row]]
    ]
    kept = torch.tensor([not none for none in is_none], device=found.hidden.device, dtype=found.hidden.dtype)
    return replace(found, hidden=found.hidden * kept[:, None, None], pooled=found.pooled * kept[:, None])


def _move_texts(base: BaseModel, device: torch.device) -> None:
    for encoder in base.text_encoders:
        encoder.to(device)


def _guide(requests: list[list[Request]], like: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Guidance of predictions (K, B, 4, h, w) without and with the prompt."""
    values = torch.tensor([[(r.cfg_scale, r.rescale) for r in row] for row in requests])
    scale, rescale = values.to(like.device, like.dtype)[..., None, None, None, :].unbind(-1)
    is_rescaled = any(request.rescale for row in requests for request in row)

    def guided(without: Tensor, wanted: Tensor) -> Tensor:
        found = without + scale * (wanted - without)
        if not is_rescaled:
            return found
        # Lin et al. 2023, https://arxiv.org/abs/2305.08891, section 3.4.
        over = (2, 3, 4)
        as_wide = found * (wanted.std(over, keepdim=True) / found.std(over, keepdim=True))
        return rescale * as_wide + (1 - rescale) * found

    return guided


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
