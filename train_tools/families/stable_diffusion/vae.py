"""A VAE's tensors under the names of a checkpoint, whatever file they come from."""

from __future__ import annotations

import re
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.families.folder import weights_of
from train_tools.families.stable_diffusion import names
from train_tools.families.stable_diffusion.stored import Stored, stored_in

# What diffusers called the VAE's attention before 0.12.
OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def vae_tensors(path: Path) -> dict[str, Stored]:
    """Of a file with CompVis' or diffusers' names, of a whole checkpoint, or of a diffusers folder."""
    if not path.exists():
        raise UsageError(f"the VAE {path} is missing; choose another one")
    if path.is_dir():
        files, _, _ = weights_of(path / "vae" if (path / "vae").is_dir() else path)
        found = {name: tensor for file in files for name, tensor in stored_in(file).items()}
    else:
        found = stored_in(path)
    whole = {name: tensor for name, tensor in found.items() if name.startswith(names.VAE_PREFIX)}
    named = whole or {original_name(name): tensor for name, tensor in found.items()}
    if f"{names.VAE_PREFIX}decoder.conv_in.weight" not in named:
        raise UsageError(f"{path} is no VAE; choose another for vae")
    return named


def original_name(name: str) -> str:
    """Of a tensor in a file that holds a VAE alone."""
    if not re.search(r"\.(?:mid_block|up_blocks|down_blocks)\.|conv_norm_out", name):
        return names.VAE_PREFIX + name
    return names.vae_name(new_name(name))


def new_name(name: str) -> str:
    """Diffusers' name of today."""
    for old, new in OLD_ATTENTION.items():
        name = name.replace(old, new)
    return name
