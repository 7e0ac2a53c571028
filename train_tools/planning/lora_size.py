"""How large a LoRA of a base model becomes: read off the shapes in the base model's head."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import TensorPlace, read_header

# Key names of a checkpoint file, or of the parts of a diffusers folder.
UNET_LAYER = re.compile(
    r"(?:model\.diffusion_model\.(?:input_blocks|middle_block|output_blocks)|(?:down_blocks|mid_block|up_blocks))"
    r"\..+\.(?:proj_in|proj_out|transformer_blocks\.\d+\.(?:attn\d\.(?:to_[qkv]|to_out\.0)|ff\.net\.(?:0\.proj|2)))"
    r"\.weight"
)
TEXT_LAYER = re.compile(
    r"(?:cond_stage_model\.transformer\.)?(?:text_model\.)?encoder\.layers\.\d+\."
    r"(?:self_attn\.(?:q_proj|k_proj|v_proj|out_proj)|mlp\.fc[12])\.weight"
)
UNET_WEIGHTS = ("model.diffusion_model.", "down_blocks.", "mid_block.", "up_blocks.")
FOLDER_PARTS = ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors")
BYTES = {"fp16": 2, "bf16": 2, "float": 4, None: 4}
HEAD_BYTES_PER_LAYER = 400  # three entries with long names
METADATA_BYTES = 6_000


@dataclass(frozen=True)
class LoraShape:
    """Of all layers that networks.lora targets: how many, and the sum of their inputs and outputs.

    `unet_parameters` counts the UNet's own weights, `parameters` all of the base model's.
    """

    unet_layers: int
    unet_width: int
    text_layers: int
    text_width: int
    unet_parameters: int
    parameters: int
    is_measured: bool = True


# Stable Diffusion 1.5, for base models whose head can't be read.
SD15 = LoraShape(192, 423_936, 72, 165_888, 859_520_964, 1_066_235_307, is_measured=False)


def lora_shape(base_model: Path) -> LoraShape:
    """Of a checkpoint file or diffusers folder; Stable Diffusion 1.5's where its heads can't be read."""
    files = [base_model / part for part in FOLDER_PARTS] if base_model.is_dir() else [base_model]
    tensors: dict[str, TensorPlace] = {}
    try:
        for file in files:
            tensors.update(read_header(file).tensors)
    except TrainToolsError:
        return SD15
    widths: dict[re.Pattern[str], list[int]] = {UNET_LAYER: [], TEXT_LAYER: []}
    unet_parameters = 0
    for name, tensor in tensors.items():
        for pattern, found in widths.items():
            if pattern.fullmatch(name) and len(tensor.shape) >= 2:
                found.append(tensor.shape[0] + tensor.shape[1])
        if name.startswith(UNET_WEIGHTS):
            unet_parameters += math.prod(tensor.shape)
    if not widths[UNET_LAYER]:
        return SD15
    parameters = sum(math.prod(tensor.shape) for tensor in tensors.values())
    unet, text = widths[UNET_LAYER], widths[TEXT_LAYER]
    return LoraShape(len(unet), sum(unet), len(text), sum(text), unet_parameters, parameters)


def lora_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> int:
    """Size of one checkpoint file, to about a kilobyte."""
    layers, width = _trained(shape, arguments)
    size = BYTES[arguments["save_precision"]]
    return (
        (width * int(arguments["network_dim"]) + layers) * size
        + layers * HEAD_BYTES_PER_LAYER
        + METADATA_BYTES
    )


def state_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> int:
    """What a run keeps on disk to go on from, while it is trained: weights and the optimizer's moments in fp32.

    Twice, as a new state is whole before the old one goes.
    """
    _, width = _trained(shape, arguments)
    moments = 1 if "lion" in str(arguments["optimizer_type"]).lower() else 2
    return 2 * 4 * (1 + moments) * width * int(arguments["network_dim"])


def _trained(shape: LoraShape, arguments: Mapping[str, Any]) -> tuple[int, int]:
    """Layers that are trained, and the sum of their inputs and outputs."""
    layers = width = 0
    if not arguments["network_train_text_encoder_only"]:
        layers, width = layers + shape.unet_layers, width + shape.unet_width
    if not arguments["network_train_unet_only"]:
        layers, width = layers + shape.text_layers, width + shape.text_width
    return layers, width
