"""Renders cells packed: samples with different LoRAs and weights go through the base in one batch.

Sample n belongs to checkpoint n // B and has its own multipliers for each block of the UNet and for the text encoder,
for the prompt and the negative prompt: the mathematics of the packed engine. Seed, prompts and guidance are each
sample's own, too.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets

from . import samplers
from .block_weights import Blocks, factor

DECODED_AT_ONCE = 2**18  # pixels; the decoder needs far more memory for each than the UNet


@dataclass(frozen=True)
class Request:
    """A picture to render; at weights of 0 without LoRA. `blocks` are 26 weights, empty: 1 everywhere."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 1
    cfg_scale: float = 5.0
    weight_unet: float = 0.0
    weight_te: float = 0.0
    blocks: Blocks = ()


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
    """One batch: `requests[k]` are pictures with `files[k]`, as many for each file; in that order.

    Raises TrainToolsError where a file doesn't fit the base model.
    """
    ranks, alphas = zip(*(kohya.rank_and_alpha(file) for file in files), strict=True)
    targets = unet_targets(base.unet) + [one for text in base.text_encoders for one in text_targets(text)]
    stack = LoraStack(targets, ranks, alphas, base.device, base.dtype)
    kohya.stack_files(stack, files)
    with stack.attached():
        return _sample(base, stack, requests, frame)


@torch.no_grad()
def _sample(
    base: BaseModel, stack: LoraStack | None, requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    device, dtype = base.device, base.dtype
    each, flat = len(requests[0]), [request for row in requests for request in row]
    # Each checkpoint's share of the batch: its pictures with the negative prompt, then with the prompt.
    prompts = [
        prompt for row in requests for prompt in [*(r.negative_prompt for r in row), *(r.prompt for r in row)]
    ]
    scheduler = samplers.make(frame.sampler, frame.scheduler, frame.steps)
    shape = (4, frame.height // 8, frame.width // 8)
    generators = [torch.Generator().manual_seed(request.seed) for request in flat]
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    latents = noise.to(device, dtype) * scheduler.init_noise_sigma
    more = {"generator": generators} if samplers.SAMPLERS[frame.sampler].with_noise else {}
    guidance = torch.tensor([r.cfg_scale for r in flat], device=device, dtype=dtype).view(
        len(requests), each, 1, 1, 1
    )
    multipliers = _multipliers(stack, requests, device, dtype) if stack else []
    with stack.multiplied(multipliers) if stack else contextlib.nullcontext():
        conditioning = base.embed(base.tokens(prompts), frame.clip_skip)
        for step in scheduler.timesteps:
            scaled = scheduler.scale_model_input(latents, step)
            doubled = scaled.view(len(requests), 1, each, *shape).expand(-1, 2, -1, -1, -1, -1)
            predicted = base.predict(doubled.reshape(-1, *shape), step, conditioning)
            without, wanted = predicted.view(len(requests), 2, each, *shape).unbind(1)
            guided = (without + guidance * (wanted - without)).reshape(latents.shape)
            latents = scheduler.step(guided, step, latents, **more).prev_sample
    if not torch.isfinite(latents).all():
        raise TrainToolsError(
            "a picture has values that aren't finite; try another sampler, fewer steps or lower weights"
        )
    return decode(base, latents)


def _multipliers(
    stack: LoraStack, requests: list[list[Request]], device: torch.device, dtype: torch.dtype
) -> list[Tensor]:
    """For each delta of the stack those of all samples (K, 2B): those with the negative prompt stand first."""

    def of(name: str, is_text: bool, request: Request) -> float:
        weight = request.weight_te if is_text else request.weight_unet
        return weight * (factor(request.blocks, name) if request.blocks else 1.0)

    made: dict[tuple[Any, ...], Tensor] = {}
    result = []
    for delta in stack.deltas:
        name, is_text = delta.target.name, delta.target.is_text
        rows = tuple(tuple(of(name, is_text, request) for request in row) * 2 for row in requests)
        if rows not in made:  # few are different, and each would be a small copy to the GPU
            made[rows] = torch.tensor(rows, device=device, dtype=dtype)
        result.append(made[rows])
    return result


def decode(base: BaseModel, latents: Tensor) -> list[Image.Image]:
    """Latents (count, 4, h, w) as RGB pictures of 8h x 8w pixels."""
    at_once = max(1, DECODED_AT_ONCE // (64 * latents.shape[2] * latents.shape[3]))
    pictures = []
    for latent in latents.split(at_once):
        decoded = base.decode(latent).clamp(-1, 1)
        pixels = ((decoded + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        pictures += [Image.fromarray(p) for p in pixels]
    return pictures
