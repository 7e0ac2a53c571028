"""Writes a tiny base model of a family that our own programs load, for tests and for trying a plan."""

from __future__ import annotations

from pathlib import Path

from train_tools.base_model.convert import refuse_existing, write_checkpoint
from train_tools.errors import UsageError
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow


def make(family: str, file: Path, is_v: bool, zero_snr: bool, seed: int) -> list[Path]:
    """One checkpoint in the original layout, with its text encoders and its VAE; returns what was written.

    Raises UsageError where there is no such family, or something of that name is there already.
    """
    if family not in KINDS:
        raise UsageError(f"there are tiny models of {', '.join(KINDS)}; {family} isn't one of them")
    if file.suffix != ".safetensors":
        raise UsageError(f"a tiny model is one file: let {file} end in .safetensors")
    refuse_existing(file)
    model = narrow.build(KINDS[family], seed, "v" if is_v else "epsilon", zero_snr)
    return write_checkpoint(model, file)
