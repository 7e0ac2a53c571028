"""Reads a model's sizes off the shapes of its tensors, so that no configuration must be downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import UsageError

from . import layout

Shape = tuple[int, ...]
SD1_HEADS = 8
TEXT_HEAD_WIDTH = 64  # CLIP ViT-L's heads are this wide
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
LATENT_SCALE = 0.18215
TEXT_FOLDER = "-text"  # what a checkpoint's name and this make is the folder of its text encoder


@dataclass(frozen=True)
class Architecture:
    """Constructor arguments of diffusers' UNet2DConditionModel and AutoencoderKL and of CLIPTextConfig."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    text: dict[str, Any]


def of_original(
    shapes: Mapping[str, Shape], heads: int = SD1_HEADS, text_heads: int | None = None
) -> Architecture:
    """The architecture of a checkpoint with original names.

    Raises UsageError where the checkpoint is no Stable Diffusion 1 model.
    """
    refuse_other_kinds(shapes)
    unet, text = layout.UNET_PREFIX, layout.TEXT_PREFIX
    embedding = shapes[f"{text}text_model.embeddings.token_embedding.weight"]
    layers = 1 + max(
        int(k.split(".layers.")[1].split(".")[0]) for k in shapes if k.startswith(text) and ".layers." in k
    )
    return Architecture(
        unet={
            "in_channels": 4,
            "out_channels": 4,
            "sample_size": 64,
            "layers_per_block": layout.BLOCKS,
            "block_out_channels": [
                shapes[f"{unet}input_blocks.{3 * i + 1}.0.out_layers.3.weight"][0]
                for i in range(layout.LEVELS)
            ],
            "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
            "cross_attention_dim": shapes[f"{unet}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"][
                1
            ],
            # Diffusers' name for the number of heads in Stable Diffusion 1.
            "attention_head_dim": heads,
        },
        vae=vae_sizes(shapes),
        text={
            "vocab_size": embedding[0],
            "hidden_size": embedding[1],
            "intermediate_size": shapes[f"{text}text_model.encoder.layers.0.mlp.fc1.weight"][0],
            "num_hidden_layers": layers,
            "num_attention_heads": text_heads or embedding[1] // TEXT_HEAD_WIDTH,
            "max_position_embeddings": shapes[f"{text}text_model.embeddings.position_embedding.weight"][0],
            "hidden_act": "quick_gelu",
            "projection_dim": embedding[1],
            "bos_token_id": embedding[0] - 2,
            "eos_token_id": embedding[0] - 1,
            "pad_token_id": embedding[0] - 1,
        },
    )


def vae_sizes(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Of the VAE in a checkpoint with original names. Raises KeyError where there is none."""
    vae = layout.VAE_PREFIX
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * layout.LEVELS,
        "up_block_types": ["UpDecoderBlock2D"] * layout.LEVELS,
        "block_out_channels": [
            shapes[f"{vae}decoder.up.{i}.block.0.conv2.weight"][0] for i in range(layout.LEVELS)
        ],
        "layers_per_block": sum(f"{vae}encoder.down.0.block.{i}.conv1.weight" in shapes for i in range(8)),
        "latent_channels": 4,
        "norm_num_groups": 32,
        "sample_size": 512,
        "scaling_factor": LATENT_SCALE,
    }


def refuse_other_kinds(shapes: Mapping[str, Shape]) -> None:
    if any(k.startswith("conditioner.embedders.1.") for k in shapes):
        kind = "a Stable Diffusion XL model"
    elif any(k.startswith("cond_stage_model.model.") for k in shapes):
        kind = "a Stable Diffusion 2 model"
    elif any(k.startswith(("lora_", "hada_")) or ".lora_" in k for k in shapes):
        kind = "a LoRA, not a base model"
    elif f"{layout.UNET_PREFIX}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight" not in shapes:
        kind = "no model with Stable Diffusion 1's tensors"
    else:
        return
    raise UsageError(f"the base model is {kind}; choose a Stable Diffusion 1 checkpoint")


def heads_beside(checkpoint: Path) -> tuple[int, int | None]:
    """The numbers of attention heads (UNet, text encoder) that no tensor's shape tells.

    Stable Diffusion 1's, unless a `.yaml` stands beside the checkpoint, as the webui reads it.
    """
    configuration = checkpoint.with_suffix(".yaml")
    if not configuration.is_file():
        return SD1_HEADS, None
    import yaml

    model = yaml.safe_load(configuration.read_text(encoding="utf-8"))["model"]["params"]
    unet_heads = int(model["unet_config"]["params"].get("num_heads", SD1_HEADS))
    folder = model.get("cond_stage_config", {}).get("params", {}).get("version")
    if not folder:
        return unet_heads, None
    # Where the files were moved together, the folder still stands beside the checkpoint.
    for place in (checkpoint.parent / str(folder), checkpoint.with_name(f"{checkpoint.stem}{TEXT_FOLDER}")):
        if (text := place / "config.json").is_file():
            return unet_heads, int(json.loads(text.read_text(encoding="utf-8"))["num_attention_heads"])
    return unet_heads, None
