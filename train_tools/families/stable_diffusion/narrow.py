"""Models of a family's own topology and names, as narrow as their blocks allow, with random weights.

For tests, and for trying a plan without the true model. Their pictures are noise, but texts and LoRAs change them.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from train_tools.families.stable_diffusion import latents, names, tokenizer
from train_tools.families.stable_diffusion.base import BaseModel, Sizes
from train_tools.families.stable_diffusion.building import Parts, count_positions, text_model
from train_tools.families.stable_diffusion.encoders import PROJECTION, TextEncoder

WORDS, LONGEST = 49408, 77  # of CLIP
SIZE_WIDTH = 256  # what one number of a picture's sizes becomes
SIZES = 6
Forecast = Literal["epsilon", "v"]


def build(
    kind: type[BaseModel], seed: int = 0, prediction: Forecast = "epsilon", zero_snr: bool = False
) -> BaseModel:
    """On the CPU, in fp32."""
    random = torch.Generator().manual_seed(seed)
    unet, vae, *texts = [_with_weights(module, random) for module in without_memory(kind, kind.narrow)]
    words = tuple(tokenizer.shared(encoder.filled_by) for encoder in kind.encoders)
    parts = Parts(unet, vae, tuple(texts), words).frozen()
    return kind("narrow", parts.unet, parts.vae, parts.text_encoders, parts.tokenizers, prediction, zero_snr)


def without_memory(kind: type[BaseModel], sizes: Sizes) -> list[nn.Module]:
    """UNet, VAE and text encoders of such sizes, which hold no numbers."""
    with torch.device("meta"):
        return [
            UNet2DConditionModel(**_unet(kind, sizes)),
            AutoencoderKL(**_vae(kind, sizes)),
            *(
                text_model(encoder, _text(encoder, width, layers))
                for encoder, (width, layers) in zip(kind.encoders, sizes.texts, strict=True)
            ),
        ]


def _unet(kind: type[BaseModel], sizes: Sizes) -> dict[str, Any]:
    widths, depths = sizes.widths, sizes.depths
    arguments: dict[str, Any] = {
        "in_channels": latents.CHANNELS,
        "out_channels": latents.CHANNELS,
        "sample_size": 64,
        "layers_per_block": names.BLOCKS,
        "block_out_channels": widths,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in depths[::-1]],
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "cross_attention_dim": sum(width for width, _ in sizes.texts),
        "attention_head_dim": kind.heads or [max(1, width // kind.head_width) for width in widths],
        "use_linear_projection": not kind.heads,
    }
    if kind.encoders[-1].is_projected:
        arguments |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": SIZE_WIDTH,
            "projection_class_embeddings_input_dim": sizes.texts[-1][0] + SIZES * SIZE_WIDTH,
        }
    return arguments


def _vae(kind: type[BaseModel], sizes: Sizes) -> dict[str, Any]:
    return {
        "down_block_types": ["DownEncoderBlock2D"] * names.LEVELS,
        "up_block_types": ["UpDecoderBlock2D"] * names.LEVELS,
        "block_out_channels": sizes.vae,
        "layers_per_block": 2,
        "latent_channels": latents.CHANNELS,
        "sample_size": 512,
        "scaling_factor": kind.latent_scale,
    }


def _text(encoder: TextEncoder, width: int, layers: int) -> dict[str, Any]:
    """Of a text encoder in a checkpoint of such shapes."""
    shapes = {
        place.name: shape
        for name, shape in {
            "embeddings.token_embedding.weight": (WORDS, width),
            "embeddings.position_embedding.weight": (LONGEST, width),
            "encoder.layers.0.mlp.fc1.weight": (4 * width, width),
            f"encoder.layers.{layers - 1}.mlp.fc1.weight": (4 * width, width),
            **({PROJECTION: (width, width)} if encoder.is_projected else {}),
        }.items()
        for place in encoder.origins(name)[:1]
    }
    return encoder.config(shapes)


def _with_weights(module: nn.Module, random: torch.Generator) -> nn.Module:
    """Norms lie away from 1 and 0: else a text's mean would be 0, by which AUTOMATIC1111's emphasis divides."""
    module.to_empty(device="cpu")
    count_positions(module, torch.device("cpu"))
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=random)
        if name.endswith("bias"):
            values = 0.05 + 0.05 * values
        elif values.dim() == 1:
            values = 1 + 0.2 * values
        elif "token_embedding" not in name:
            values = values / values.shape[1:].numel() ** 0.5
        parameter.data = values
    return module
