"""Pictures out of noise, many in one batch, each with its own seed, texts and guidance; whatever LoRAs are attached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion import memory
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning
from train_tools.families.stable_diffusion.decoding import decode
from train_tools.families.stable_diffusion.latents import CHANNELS, FACTOR


@dataclass(frozen=True)
class Wish:
    """A picture to draw. `rescale` is the guidance rescale, 0 … 1."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 1
    cfg_scale: float = 5.0
    rescale: float = field(default=0.0, kw_only=True)


Rows = Sequence[Sequence[Wish]]  # the pictures of each LoRA, equally many
Embed = Callable[[list[str]], Conditioning]


def draw(
    base: BaseModel, rows: Rows, size: tuple[int, int], scheduler: Any, embed: Embed, *, with_noise: bool
) -> list[Image.Image]:
    """All in one batch. `size` is width and height in pixels, `scheduler` one of diffusers' with its timesteps set.

    Of a row the samples with the negative prompt stand before those with the prompt. `with_noise` tells that the
    scheduler draws noise in each step.
    """
    with torch.no_grad():
        latents = _denoised(base, rows, size, scheduler, embed, with_noise=with_noise)
        if not torch.isfinite(latents).all():
            raise TrainToolsError(
                "a picture has values that aren't finite; try another sampler, fewer steps or lower weights"
            )
        with torch.autocast(base.device.type, enabled=False):
            return decode(base, latents)


def _denoised(
    base: BaseModel, rows: Rows, size: tuple[int, int], scheduler: Any, embed: Embed, *, with_noise: bool
) -> Tensor:
    """(K*B, 4, h, w)."""
    device, dtype = base.device, base.dtype
    each, flat = len(rows[0]), [wish for row in rows for wish in row]
    shape = CHANNELS, size[1] // FACTOR, size[0] // FACTOR
    generators = [torch.Generator().manual_seed(wish.seed) for wish in flat]
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    latents: Tensor = noise.to(device, dtype) * scheduler.init_noise_sigma
    more = {"generator": generators} if with_noise else {}
    guide = _guide(rows, latents)
    conditioning = _conditioning(base, rows, embed)
    for step in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, step)
        doubled = scaled.view(len(rows), 1, each, *shape).expand(-1, 2, -1, -1, -1, -1)
        predicted = base.predict(doubled.reshape(-1, *shape), step, conditioning)
        without, wanted = predicted.view(len(rows), 2, each, *shape).unbind(1)
        guided = guide(without, wanted).reshape(latents.shape)
        latents = scheduler.step(guided, step, latents, **more).prev_sample
    return latents


def _conditioning(base: BaseModel, rows: Rows, embed: Embed) -> Conditioning:
    """Each row's share of the batch: its pictures with the negative prompt, then with the prompt."""
    prompts = [
        prompt
        for row in rows
        for prompt in [*(wish.negative_prompt for wish in row), *(wish.prompt for wish in row)]
    ]
    _move_texts(base, base.device)
    found = embed(prompts)
    if memory.is_small(base.device):
        _move_texts(base, torch.device("cpu"))
    if found.pooled is None:
        return found
    # As webuis draw with SDXL, and diffusers without a negative prompt: none is zeros, not an empty text's vectors.
    is_none = [
        not text for row in rows for text in [*(wish.negative_prompt for wish in row), *["-" for _ in row]]
    ]
    kept = torch.tensor([not none for none in is_none], device=found.hidden.device, dtype=found.hidden.dtype)
    return replace(found, hidden=found.hidden * kept[:, None, None], pooled=found.pooled * kept[:, None])


def _move_texts(base: BaseModel, device: torch.device) -> None:
    for encoder in base.text_encoders:
        encoder.to(device)


def _guide(rows: Rows, like: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Guidance of predictions (K, B, 4, h, w) without and with the prompt."""
    values = torch.tensor([[(wish.cfg_scale, wish.rescale) for wish in row] for row in rows])
    scale, rescale = values.to(like.device, like.dtype)[..., None, None, None, :].unbind(-1)
    is_rescaled = any(wish.rescale for row in rows for wish in row)

    def guided(without: Tensor, wanted: Tensor) -> Tensor:
        found = without + scale * (wanted - without)
        if not is_rescaled:
            return found
        # Lin et al. 2023, https://arxiv.org/abs/2305.08891, section 3.4.
        over = (2, 3, 4)
        as_wide = found * (wanted.std(over, keepdim=True) / found.std(over, keepdim=True))
        return rescale * as_wide + (1 - rescale) * found

    return guided
