"""Renders cells packed: samples with different LoRAs and weights go through the base in one batch.

Sample n belongs to checkpoint n // B and has its own multiplier, for the UNet and the text encoder,
for the prompt and the negative prompt: the mathematics of the packed engine.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from train_tools.base_model import architecture
from train_tools.base_model.load import BaseModel
from train_tools.base_model.text import embed, tokens
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets

from .settings import PreviewSettings

SCHEDULERS: dict[str, Any] = {
    "DDIM": DDIMScheduler,
    "Euler": EulerDiscreteScheduler,
    "DPM++ 2M": DPMSolverMultistepScheduler,
}


@dataclass(frozen=True)
class Request:
    """A picture to render: at weight 0 without LoRA."""

    prompt: str
    weight: float


@dataclass(frozen=True)
class Frame:
    """What all pictures of a call share; sizes in pixels."""

    width: int
    height: int
    clip_skip: int
    settings: PreviewSettings


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
    targets = unet_targets(base.unet) + text_targets(base.text_encoder)
    stack = LoraStack(targets, ranks, alphas, base.unet.device, base.unet.dtype)
    kohya.stack_files(stack, files)
    with stack.attached():
        return _sample(base, stack, requests, frame)


@torch.no_grad()
def _sample(
    base: BaseModel, stack: LoraStack | None, requests: list[list[Request]], frame: Frame
) -> list[Image.Image]:
    settings, device, dtype = frame.settings, base.unet.device, base.unet.dtype
    each = len(requests[0])
    count = len(requests) * each
    # Each checkpoint's share of the batch: its pictures with the negative prompt, then with the prompt.
    prompts = [
        p for row in requests for p in [*([settings.negative_prompt] * each), *(r.prompt for r in row)]
    ]
    weights = torch.tensor([[r.weight for r in row] * 2 for row in requests], device=device, dtype=dtype)
    scheduler = _scheduler(settings)
    shape = (1, 4, frame.height // 8, frame.width // 8)
    # One noise for all: the same seed everywhere, so that only LoRA, weight and prompt differ.
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(settings.seed)).to(device, dtype)
    latents = noise.expand(count, -1, -1, -1) * scheduler.init_noise_sigma
    with stack.multiplied(weights) if stack else contextlib.nullcontext():
        embeddings = embed(base, tokens(base, prompts), frame.clip_skip)
        for step in scheduler.timesteps:
            scaled = scheduler.scale_model_input(latents, step)
            doubled = scaled.view(len(requests), 1, each, *shape[1:]).expand(-1, 2, -1, -1, -1, -1)
            predicted = base.unet(doubled.reshape(2 * count, *shape[1:]), step, embeddings).sample
            without, wanted = predicted.view(len(requests), 2, each, *shape[1:]).unbind(1)
            guided = (without + settings.cfg_scale * (wanted - without)).reshape(latents.shape)
            latents = scheduler.step(guided, step, latents).prev_sample
    return decode(base, latents)


def decode(base: BaseModel, latents: Tensor) -> list[Image.Image]:
    """Latents (count, 4, h, w) as RGB pictures of 8h x 8w pixels."""
    pictures = []
    for latent in latents.split(8):
        decoded = base.vae.decode(latent.to(base.vae.dtype) / architecture.LATENT_SCALE).sample
        pixels = ((decoded.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        pictures += [Image.fromarray(p) for p in pixels]
    return pictures


def _scheduler(settings: PreviewSettings) -> Any:
    names = (
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "prediction_type",
        "steps_offset",
    )
    options = {name: architecture.SCHEDULER[name] for name in names}
    if settings.sampler == "DDIM":
        options |= {name: architecture.SCHEDULER[name] for name in ("clip_sample", "set_alpha_to_one")}
    scheduler = SCHEDULERS[settings.sampler](**options)
    scheduler.set_timesteps(settings.steps)
    return scheduler
