"""A sheet of 5 checkpoints x 4 LoRA weights, packed against one cell after another with the same code."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from train_tools.base_model.load import load
from train_tools.lora import kohya
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets
from train_tools.preview.render import Frame, Request, render_loras
from train_tools.preview.settings import PreviewSettings
from train_tools.small_models import base_model_file

CHECKPOINTS, WEIGHTS = 5, (0.25, 0.5, 0.75, 1.0)
PROMPT = "a red circle on a blue background"


def main() -> None:
    base = load(base_model_file())
    frame = Frame(64, 64, 1, PreviewSettings(cfg_scale=3))
    stack = LoraStack(
        unet_targets(base.unet) + text_targets(base.text_encoder), [8] * CHECKPOINTS, [8] * CHECKPOINTS
    )
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=torch.Generator().manual_seed(0)) * 0.03)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for index in range(CHECKPOINTS):
            path = Path(folder) / f"{index}.safetensors"
            kohya.write(path, kohya.tensors_of(stack, index, torch.float32), {})
            files.append(kohya.read(path))
    requests = [[Request(PROMPT, weight) for weight in WEIGHTS] for _ in files]
    render_loras(base, files[:1], requests[:1], frame)  # warm
    started = time.perf_counter()
    packed = render_loras(base, files, requests, frame)
    packed_s = time.perf_counter() - started
    started = time.perf_counter()
    single = [
        render_loras(base, [file], [[request]], frame)[0]
        for file, row in zip(files, requests, strict=True)
        for request in row
    ]
    single_s = time.perf_counter() - started
    difference = max(
        int(np.abs(np.int16(a) - np.int16(b)).max()) for a, b in zip(packed, single, strict=True)
    )
    print(f"packed {packed_s:.1f} s, cell by cell {single_s:.1f} s: {single_s / packed_s:.1f}x")
    print(f"largest difference of a pixel: {difference} of 255")


if __name__ == "__main__":
    main()
