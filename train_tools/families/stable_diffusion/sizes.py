"""Reads a model's sizes off the shapes of its tensors, so that no configuration must be downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.families.interface import Shape
from train_tools.families.stable_diffusion import names

TEXT_FOLDER = "-text"  # what a checkpoint's name and this make is the folder of its text encoder


def unet_sizes(shapes: Mapping[str, Shape], heads: int = 0, head_width: int = 0) -> dict[str, Any]:
    """Of a checkpoint with original names, as arguments of diffusers' UNet2DConditionModel.

    One of `heads`, the number in each attention, and `head_width` is told. Raises KeyError where a tensor is missing.
    """
    unet = names.UNET_PREFIX
    downsamplers = [name for name in shapes if re.fullmatch(rf"{unet}input_blocks\.\d+\.0\.op\.weight", name)]
    levels = range(len(downsamplers) + 1)
    first = [(names.BLOCKS + 1) * level + 1 for level in levels]  # block of each level
    widths = [shapes[f"{unet}input_blocks.{block}.0.out_layers.3.weight"][0] for block in first]
    depths = [_depth(f"{unet}input_blocks.{block}.1.", shapes) for block in first]
    attention = f"{unet}input_blocks.{first[next((i for i, d in enumerate(depths) if d), 0)]}.1."
    sizes: dict[str, Any] = {
        "in_channels": shapes[f"{unet}input_blocks.0.0.weight"][1],
        "out_channels": shapes[f"{unet}out.2.weight"][0],
        "sample_size": 64,
        "layers_per_block": names.BLOCKS,
        "block_out_channels": widths,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        "cross_attention_dim": shapes[f"{attention}transformer_blocks.0.attn2.to_k.weight"][1],
        # Diffusers' name for the number of heads on each level.
        "attention_head_dim": heads or [max(1, width // head_width) for width in widths],
    }
    if len(shapes[f"{attention}proj_in.weight"]) == 2:
        sizes["use_linear_projection"] = True
    if max(depths) > 1:
        sizes["transformer_layers_per_block"] = [max(1, depth) for depth in depths]
    if (told := f"{unet}label_emb.0.0.weight") in shapes:
        sizes |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": shapes[told][1],
            "sample_size": 128,
        }
    return sizes


def _depth(block: str, shapes: Mapping[str, Shape]) -> int:
    """How many transformer blocks lie on each other there."""
    count = 0
    while f"{block}transformer_blocks.{count}.attn2.to_k.weight" in shapes:
        count += 1
    return count


def vae_sizes(shapes: Mapping[str, Shape], scale: float) -> dict[str, Any]:
    """Of the VAE in a checkpoint with original names. Raises KeyError where there is none."""
    vae = names.VAE_PREFIX
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * names.LEVELS,
        "up_block_types": ["UpDecoderBlock2D"] * names.LEVELS,
        "block_out_channels": [
            shapes[f"{vae}decoder.up.{i}.block.0.conv2.weight"][0] for i in range(names.LEVELS)
        ],
        "layers_per_block": sum(f"{vae}encoder.down.0.block.{i}.conv1.weight" in shapes for i in range(8)),
        "latent_channels": 4,
        "norm_num_groups": 32,
        "sample_size": 512,
        "scaling_factor": scale,
    }


def heads_beside(checkpoint: Path) -> tuple[int, int | None]:
    """The numbers of attention heads (UNet, text encoder) that no tensor's shape tells, where a `.yaml` beside the
    checkpoint does, as the webui reads it; else 0 and None.
    """
    model = _read_yaml(checkpoint.with_suffix(".yaml"))
    heads = _inner(model, "model", "params", "unet_config", "params", "num_heads")
    unet_heads = heads if isinstance(heads, int) and heads > 0 else 0
    folder = _inner(model, "model", "params", "cond_stage_config", "params", "version")
    if not folder:
        return unet_heads, None
    # Where the files were moved together, the folder still stands beside the checkpoint.
    for place in (checkpoint.parent / str(folder), checkpoint.with_name(f"{checkpoint.stem}{TEXT_FOLDER}")):
        if (text := place / "config.json").is_file():
            return unet_heads, int(json.loads(text.read_text(encoding="utf-8"))["num_attention_heads"])
    return unet_heads, None


def _read_yaml(file: Path) -> Any:
    """None where there is none, or one that can't be read."""
    if not file.is_file():
        return None
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _inner(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
