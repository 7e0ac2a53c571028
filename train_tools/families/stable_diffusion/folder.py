"""A base model of a folder in diffusers' layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTokenizer

from train_tools.errors import UsageError
from train_tools.families.folder import weights_of
from train_tools.families.stable_diffusion import names, sizes, tokenizer
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.building import (
    Filling,
    Parts,
    Place,
    fill,
    filling,
    named,
    text_model,
)
from train_tools.families.stable_diffusion.encoders import INNER, Origin, TextEncoder
from train_tools.families.stable_diffusion.stored import shapes_of, stored_in
from train_tools.families.stable_diffusion.vae import new_name, vae_tensors

# What a configuration says of how its file was saved, and nothing of the model.
SAVED_AS = frozenset({"dtype", "torch_dtype", "transformers_version", "architectures"})


def from_folder(kind: type[BaseModel], path: Path, vae: Path | None, place: Place) -> Parts:
    """Whole, or not at all: what is missing would be filled with random numbers, and words with nothing.

    The folder is one that `detect` finds no fault with. Raises UsageError.
    """
    unet = _part(path / "unet", UNet2DConditionModel.from_config)
    own_vae = _own_vae(path / "vae") if vae is None else _other_vae(kind, vae)
    texts = [_part(path / one.part, _text_maker(one)) for one in kind.encoders]
    fill([unet, own_vae, *texts], place, own_vae.module)
    words = tuple(
        _words(path / encoder.tokenizer, encoder, text.module)
        for encoder, text in zip(kind.encoders, texts, strict=True)
    )
    return Parts(unet.module, own_vae.module, tuple(text.module for text in texts), words)


def _text_maker(encoder: TextEncoder) -> Callable[[dict[str, Any]], nn.Module]:
    return lambda config: text_model(encoder, config)


def _own_vae(folder: Path) -> Filling:
    return _part(folder, AutoencoderKL.from_config)


def _part(folder: Path, make: Callable[[dict[str, Any]], Any]) -> Filling:
    """One model of the folder, without memory yet."""
    files, _, missing = weights_of(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        with torch.device("meta"):
            module = make({name: value for name, value in config.items() if name not in SAVED_AS})
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{folder} can't be loaded ({error}); download the folder again") from error
    if missing:
        raise UsageError(f"{folder} can't be loaded ({missing[0]}); download the folder again")
    tensors = {new_name(name): tensor for file in files for name, tensor in stored_in(file).items()}
    origins = {name: _names_of(name) for name in named(module)}
    return filling(module, origins, tensors, folder)


def _names_of(name: str) -> tuple[Origin, ...]:
    """transformers 5 leaves a level of a text encoder's names out, in memory and in files."""
    plain = name.removeprefix(INNER)
    return Origin(name), Origin(INNER + plain), Origin(plain)


def _other_vae(kind: type[BaseModel], path: Path) -> Filling:
    tensors = vae_tensors(path)
    try:
        with torch.device("meta"):
            module = AutoencoderKL(**sizes.vae_sizes(shapes_of(tensors), kind.latent_scale))
    except KeyError as error:
        raise UsageError(f"the VAE {path} lacks {error.args[0]}; download it again") from error
    origins = {name: (Origin(names.vae_name(name)),) for name in named(module)}
    return filling(module, origins, tensors, path)


def _words(folder: Path, encoder: TextEncoder, text: Any) -> CLIPTokenizer:
    if not folder.is_dir():
        return tokenizer.shared(encoder.filled_by)
    words: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    if len(words) < text.config.vocab_size:
        raise UsageError(
            f"the tokenizer in {folder} has {len(words)} words, and the text encoder knows "
            f"{text.config.vocab_size}; download the folder again"
        )
    return words
