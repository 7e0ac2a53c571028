"""A sheet of 5 checkpoints x 4 LoRA weights: packed, cell by cell with the same code, and a pipeline call per cell.

The pipeline is diffusers' own, its LoRA fused into the weights for each cell and taken out after.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets
from train_tools.preview import samplers
from train_tools.preview.packed import to_device
from train_tools.preview.render import Frame, Request, render_loras
from train_tools.small_models import base_model_file

CHECKPOINTS, WEIGHTS = 5, (0.25, 0.5, 0.75, 1.0)
PROMPT, CFG = "a red circle on a blue background", 3.0
FRAME = Frame(64, 64)


def main() -> None:
    base = load(base_model_file())
    to_device(base)
    files = lora_files(base)
    requests = [[Request(PROMPT, "", 1, CFG, weight, weight) for weight in WEIGHTS] for _ in files]
    render_loras(base, files[:1], requests[:1], FRAME)  # warm
    packed, packed_s = timed(lambda: render_loras(base, files, requests, FRAME))
    single, single_s = timed(
        lambda: [
            render_loras(base, [file], [[request]], FRAME)[0]
            for file, row in zip(files, requests, strict=True)
            for request in row
        ]
    )
    piped, piped_s = timed(lambda: with_pipeline(base, files))
    print(f"packed {packed_s:.1f} s")
    print(
        f"cell by cell {single_s:.1f} s: {single_s / packed_s:.1f}x, {furthest(packed, single)} of 255 apart at most"
    )
    print(
        f"a pipeline call per cell {piped_s:.1f} s: {piped_s / packed_s:.1f}x, {furthest(packed, piped)} of 255 apart"
    )


def timed(do: Any) -> tuple[list[Image.Image], float]:
    started = time.perf_counter()
    pictures = do()
    return pictures, time.perf_counter() - started


def furthest(one: list[Image.Image], other: list[Image.Image]) -> int:
    """The largest difference of a pixel."""
    return max(int(np.abs(np.int16(a) - np.int16(b)).max()) for a, b in zip(one, other, strict=True))


def lora_files(base: BaseModel) -> list[LoraFile]:
    targets = unet_targets(base.unet) + text_targets(base.text_encoders[0])
    stack = LoraStack(targets, [8] * CHECKPOINTS, [8] * CHECKPOINTS)
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=torch.Generator().manual_seed(0)) * 0.03)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index in range(CHECKPOINTS):
            path = Path(folder) / f"{index}.safetensors"
            kohya.write(path, kohya.tensors_of(stack, index, torch.float32), {})
            files.append(kohya.read(path))
    return files


def with_pipeline(base: BaseModel, files: list[LoraFile]) -> list[Image.Image]:
    pipeline = StableDiffusionPipeline(
        vae=base.vae, text_encoder=base.text_encoders[0], tokenizer=base.tokenizers[0], unet=base.unet,
        scheduler=samplers.make(FRAME.sampler, FRAME.scheduler, FRAME.steps), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    pictures = []
    for file in files:
        for weight in WEIGHTS:
            fuse(base, file, weight)
            pictures += pipeline(
                PROMPT, height=FRAME.height, width=FRAME.width, num_inference_steps=FRAME.steps, guidance_scale=CFG,
                generator=torch.Generator().manual_seed(1),
            ).images  # fmt: skip
            fuse(base, file, -weight)
    return pictures


@torch.no_grad()
def fuse(base: BaseModel, file: LoraFile, weight: float) -> None:
    """Adds the LoRA's products to the weights."""
    layers = {t.name: t.layer for t in unet_targets(base.unet) + text_targets(base.text_encoders[0])}
    for name, (down, up, alpha) in file.modules.items():
        layer = layers[name]
        layer.weight += (weight * alpha / len(down) * (up @ down)).view_as(layer.weight).to(layer.weight)


if __name__ == "__main__":
    main()
