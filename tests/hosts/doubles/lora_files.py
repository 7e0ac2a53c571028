"""LoRA files for the doubles' model: whole, of another model, half of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hosts.doubles.nets import LAYERS, UNET
from safetensors.numpy import save_file

CONV = "lora_unet_mid_block_resnets_0_conv1"


def write_lora(path: Path, value: float = 1, layers: Sequence[str] = LAYERS, width: int = 4) -> Path:
    tensors = {}
    for layer in layers:
        kernel = (3, 3) if layer == CONV else ()
        up_kernel = (1, 1) if kernel else ()
        tensors[f"{layer}.lora_down.weight"] = np.full((2, width, *kernel), value, np.float32)
        tensors[f"{layer}.lora_up.weight"] = np.full((width, 2, *up_kernel), value / 8, np.float32)
    save_file(tensors, path)
    return path


def wrong(path: Path, kind: str) -> Path:
    """`one unknown`, `half unknown`, `none known`, `other shapes`, `one other shape`."""
    if kind == "other shapes":
        return write_lora(path, width=6)
    if kind == "one other shape":
        write_lora(path)
        from safetensors.numpy import load_file

        tensors = load_file(path)
        tensors[f"{LAYERS[-2]}.lora_up.weight"] = np.ones((5, 2), np.float32)
        save_file(tensors, path)
        return path
    count = {"one unknown": 1, "half unknown": len(LAYERS) // 2, "none known": len(LAYERS)}[kind]
    return write_lora(path, layers=[*LAYERS[count:], *(f"lora_unet_other_{n}" for n in range(count))])


__all__ = ["CONV", "LAYERS", "UNET", "write_lora", "wrong"]
