"""Measures whether the shipped base model follows prompts it has never seen."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from PIL import Image
from transformers import CLIPTokenizer

from train_tools.families.stable_diffusion.latents import SCALE, SCHEDULER

from . import recognise, scenes

GUIDANCE = 3.0
STEPS = 20


@dataclass(frozen=True)
class Model:
    vae: AutoencoderKL
    unet: Any  # UNet2DConditionModel
    text: Any  # CLIPTextModel
    tokenizer: CLIPTokenizer


def to_tensor(pictures: list[Image.Image]) -> torch.Tensor:
    """RGB pictures of one size as (count, 3, height, width), -1 … 1."""
    stacked = np.stack([np.asarray(p) for p in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1


def held_out_scenes(count: int, seed: int = 7) -> list[scenes.Scene]:
    """Different one-thing scenes of combinations that no training saw, up to 200."""
    rng = random.Random(seed)
    found: dict[scenes.Scene, None] = {}
    while len(found) < count:
        scene = scenes.sample(rng)
        if scenes.is_held_out(scene):
            found[scene] = None
    return list(found)


@torch.no_grad()
def render(model: Model, prompts: list[str], seed: int = 0) -> list[Image.Image]:
    """One 64 px picture for each prompt: DDIM, classifier-free guidance."""
    scheduler = DDIMScheduler(**SCHEDULER)
    scheduler.set_timesteps(STEPS)
    ids = model.tokenizer(
        ["", *prompts], padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    embeddings = model.text(ids).last_hidden_state
    count = len(prompts)
    both = torch.cat([embeddings[:1].expand(count, -1, -1), embeddings[1:]])
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn((count, 4, 8, 8), generator=generator)
    for step in scheduler.timesteps:
        without, with_prompt = model.unet(torch.cat([latents] * 2), step, both).sample.chunk(2)
        noise = without + GUIDANCE * (with_prompt - without)
        latents = scheduler.step(noise, step, latents).prev_sample
    decoded = model.vae.decode(latents / SCALE).sample
    pixels = ((decoded.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(p) for p in pixels]


def score(model: Model, wanted: list[scenes.Scene]) -> dict[str, float]:
    """Share of pictures (0 … 1) that show the asked background, colour and shape."""
    pictures: list[Image.Image] = []
    for start in range(0, len(wanted), 50):
        pictures += render(model, [scenes.prompt(s) for s in wanted[start : start + 50]], seed=start)
    readings = [recognise.read(p) for p in pictures]
    things = [s.things[0] for s in wanted]
    rows = {
        "background": [r.background == s.background for r, s in zip(readings, wanted, strict=True)],
        "colour": [r.colour == t.colour for r, t in zip(readings, things, strict=True)],
        "shape": [r.shape == t.shape for r, t in zip(readings, things, strict=True)],
    }
    return {name: sum(row) / len(row) for name, row in rows.items()}
