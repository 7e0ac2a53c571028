"""Tensors from the files of a base model or a VAE, under the names of a checkpoint with CompVis' layout."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from train_tools.errors import UsageError
from train_tools.families.folder import weights_of
from train_tools.families.head import NoModelError, read_head

from . import layout

# NovelAI's checkpoint, and what was merged from it, leave `text_model.` out; sd-scripts and the webui put it in, too.
NOVELAI = re.compile(rf"{re.escape(layout.TEXT_PREFIX)}(?=(?:embeddings|encoder|final_layer_norm)\.)")
# What diffusers called the VAE's attention before 0.12.
OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` or `.ckpt` file; pickled code in the latter isn't run."""
    if not path.is_file():
        raise UsageError(f"the base model {path} is missing; choose a checkpoint file or a diffusers folder")
    tensors = read_tensors(path)
    return {NOVELAI.sub(f"{layout.TEXT_PREFIX}text_model.", name): tensor for name, tensor in tensors.items()}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Raises UsageError where the file can't be read."""
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_stand_ins(path)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        NoModelError,
        RuntimeError,
        OSError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise UsageError(f"the base model {path} can't be read ({error}); download it again") from error
    state = content.get("state_dict", content)
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


class _PassedOver:
    """Stands for what a training kept beside the weights, as Stable Diffusion 1.4's file does."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


def _stand_ins(path: Path) -> list[tuple[type, str]]:
    return [
        (_PassedOver, name)
        for name in read_head(path).code
        if name.startswith(("pytorch_lightning.", "lightning."))
    ]


def vae_tensors(path: Path) -> dict[str, Tensor]:
    """Those of a VAE: of a file with CompVis' or diffusers' names, of a whole checkpoint, or of a diffusers folder."""
    if not path.exists():
        raise UsageError(f"the VAE {path} is missing; choose another one")
    if path.is_dir():
        files, _, _ = weights_of(path / "vae" if (path / "vae").is_dir() else path)
        found = {name: tensor for file in files for name, tensor in read_tensors(file).items()}
    else:
        found = read_tensors(path)
    whole = {name: tensor for name, tensor in found.items() if name.startswith(layout.VAE_PREFIX)}
    named = whole or {_vae_name(name): tensor for name, tensor in found.items()}
    if f"{layout.VAE_PREFIX}decoder.conv_in.weight" not in named:
        raise UsageError(f"{path} is no VAE; choose another for vae")
    return named


def _vae_name(name: str) -> str:
    if not re.search(r"\.(?:mid_block|up_blocks|down_blocks)\.|conv_norm_out", name):
        return layout.VAE_PREFIX + name
    for old, new in OLD_ATTENTION.items():
        name = name.replace(old, new)
    return layout.vae_name(name)


def with_vae(weights: Mapping[str, Tensor], vae: Path | None) -> dict[str, Tensor]:
    """The checkpoint's tensors, with the VAE of another file instead of its own."""
    if vae is None:
        return dict(weights)
    others = {name: tensor for name, tensor in weights.items() if not name.startswith(layout.VAE_PREFIX)}
    return others | vae_tensors(vae)
