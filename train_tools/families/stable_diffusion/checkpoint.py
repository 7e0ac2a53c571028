"""A base model of one file, with CompVis' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from train_tools.errors import UsageError
from train_tools.families.interface import Shape
from train_tools.families.stable_diffusion import names, sizes, tokenizer
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.building import Parts, Place, fill, filling, named, text_model
from train_tools.families.stable_diffusion.encoders import Origin
from train_tools.families.stable_diffusion.stored import shapes_of, stored_in
from train_tools.families.stable_diffusion.vae import vae_tensors


def from_checkpoint(kind: type[BaseModel], path: Path, vae: Path | None, place: Place) -> Parts:
    """Raises UsageError where something is missing."""
    tensors = stored_in(path)
    if vae is not None:
        own = {name: one for name, one in tensors.items() if not name.startswith(names.VAE_PREFIX)}
        tensors = own | vae_tensors(vae)
    heads, text_heads = sizes.heads_beside(path)
    try:
        modules = modules_of(kind, shapes_of(tensors), heads, text_heads)
    except KeyError as error:
        name = str(error.args[0])
        is_of_vae = name.startswith(names.VAE_PREFIX)
        if is_of_vae and vae is not None:
            raise UsageError(f"the VAE {vae} lacks {name}; download it again") from error
        if is_of_vae:
            raise UsageError(
                f"the base model {path} has no VAE in it ({name}); get the whole checkpoint, or give its VAE as vae"
            ) from error
        raise UsageError(f"the base model {path} lacks {name}; get the whole checkpoint") from error
    unet, own_vae, *encoders = modules
    fillings = [
        filling(module, origins, tensors, vae if vae is not None and module is own_vae else path)
        for module, origins in zip(modules, origins_of(kind, modules), strict=True)
    ]
    fill(fillings, place, own_vae)
    words = tuple(tokenizer.shared(encoder.filled_by) for encoder in kind.encoders)
    return Parts(unet, own_vae, tuple(encoders), words)


def modules_of(
    kind: type[BaseModel], shapes: Mapping[str, Shape], heads: int = 0, text_heads: int | None = None
) -> tuple[nn.Module, ...]:
    """UNet, VAE and text encoders of such sizes, without memory. Raises KeyError where a tensor is missing."""
    unet = sizes.unet_sizes(shapes, heads or kind.heads, kind.head_width)
    vae = sizes.vae_sizes(shapes, kind.latent_scale)
    texts = [encoder.config(shapes, text_heads) for encoder in kind.encoders]
    with torch.device("meta"):
        encoders = [text_model(*one) for one in zip(kind.encoders, texts, strict=True)]
        return UNet2DConditionModel(**unet), AutoencoderKL(**vae), *encoders


def origins_of(kind: type[BaseModel], modules: Sequence[nn.Module]) -> list[dict[str, tuple[Origin, ...]]]:
    """For each of `modules_of` where the tensors of a module may lie in a checkpoint."""
    unet, vae, *encoders = modules
    attention = names.up_blocks_with_attention(named(unet))
    return [
        {name: (Origin(names.unet_name(name, attention)),) for name in named(unet)},
        {name: (Origin(names.vae_name(name)),) for name in named(vae)},
        *(
            {name: encoder.origins(name) for name in named(module)}
            for encoder, module in zip(kind.encoders, encoders, strict=True)
        ),
    ]
