"""A sheet of 5 checkpoints x 4 LoRA weights: packed, cell by cell with the same code, and a pipeline call per cell.

The pipeline is diffusers' own, its LoRA fused into the weights for each cell and taken out after. `--family sdxl` draws
on a tiny model of random weights with SDXL's topology, in fewer steps; else the small base model draws.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image

from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.narrow import build
from train_tools.lora import kohya
from train_tools.lora.fit import fit, merged
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import targets_of
from train_tools.preview import samplers
from train_tools.preview.packed import loaded, place
from train_tools.preview.render import Frame, Request, lora_layers, render_loras
from train_tools.small_models import base_model_file

CHECKPOINTS, WEIGHTS = 5, (0.25, 0.5, 0.75, 1.0)
PROMPT, CFG = "a red circle on a blue background", 3.0
STEPS, FEW_STEPS = 20, 2  # of a tiny model each step takes long: it has all of its family's layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(KINDS), help="a tiny random model of it")
    parser.add_argument("--steps", type=int, default=0, help=f"default: {STEPS}, with a family {FEW_STEPS}")
    parser.add_argument("--checkpoints", type=int, default=CHECKPOINTS)
    asked = parser.parse_args()
    family = asked.family
    base = placed(build(KINDS[family])) if family else loaded(base_model_file())
    frame = Frame(64, 64, steps=asked.steps or (FEW_STEPS if family else STEPS))
    files = lora_files(base, asked.checkpoints)
    requests = [[Request(PROMPT, "", 1, CFG, weight, weight) for weight in WEIGHTS] for _ in files]
    render_loras(base, files[:1], requests[:1], frame)  # warm
    packed, packed_s = timed(lambda: render_loras(base, files, requests, frame))
    single, single_s = timed(
        lambda: [
            render_loras(base, [file], [[request]], frame)[0]
            for file, row in zip(files, requests, strict=True)
            for request in row
        ]
    )
    piped, piped_s = timed(lambda: with_pipeline(base, files, frame))
    print(f"packed {packed_s:.1f} s")
    print(
        f"cell by cell {single_s:.1f} s: {single_s / packed_s:.1f}x, {furthest(packed, single)} of 255 apart at most"
    )
    print(
        f"a pipeline call per cell {piped_s:.1f} s: {piped_s / packed_s:.1f}x, {furthest(packed, piped)} of 255 apart"
    )


def placed(base: BaseModel) -> BaseModel:
    if where := place():
        base.to(**where)
    return base


def timed(do: Any) -> tuple[list[Image.Image], float]:
    started = time.perf_counter()
    pictures = do()
    return pictures, time.perf_counter() - started


def furthest(one: list[Image.Image], other: list[Image.Image]) -> int:
    """The largest difference of a pixel."""
    return max(int(np.abs(np.int16(a) - np.int16(b)).max()) for a, b in zip(one, other, strict=True))


def lora_files(base: BaseModel, count: int) -> list[LoraFile]:
    targets = targets_of(base, base.family.network.names)
    stack = LoraStack(targets, [8] * count, [8] * count)
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=torch.Generator().manual_seed(0)) * 0.03)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index in range(count):
            path = Path(folder) / f"{index}.safetensors"
            kohya.write(path, kohya.tensors_of(stack, index, torch.float32), {})
            files.append(kohya.read(path))
    return files


def with_pipeline(base: BaseModel, files: list[LoraFile], frame: Frame) -> list[Image.Image]:
    pipeline = pipeline_of(base, frame)
    layers = lora_layers(base)
    pictures = []
    for file in files:
        fitted = fit(file, layers)
        for weight in WEIGHTS:
            with merged(fitted, lambda _, weight=weight: weight):
                pictures += pipeline(
                    PROMPT, height=frame.height, width=frame.width, num_inference_steps=frame.steps, guidance_scale=CFG,
                    generator=torch.Generator().manual_seed(1),
                ).images  # fmt: skip
    return pictures


def pipeline_of(base: BaseModel, frame: Frame) -> Any:
    """diffusers' own, with the model's parts."""
    parts = {"vae": base.vae, "unet": base.unet}
    for number, (encoder, words) in enumerate(zip(base.text_encoders, base.tokenizers, strict=True), start=1):
        end = "" if number == 1 else f"_{number}"
        parts |= {f"text_encoder{end}": encoder, f"tokenizer{end}": words}
    if len(base.text_encoders) == 1:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    scheduler = samplers.make(frame.sampler, frame.scheduler, frame.steps, base.noise)
    pipeline = getattr(diffusers, base.pipeline)(**parts, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


if __name__ == "__main__":
    main()
