"""What previews need to know of a base model; the one place of previews that looks at its file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.families.detect import detect, told
from train_tools.families.interface import Found, Prediction

from .cells import Run

VAE = "vae"  # the argument that stands in for a part which is missing


@dataclass(frozen=True)
class BaseFacts:
    """`found` is as the file says it, with what the runs on it say where the file is silent.

    `prediction` and `zero_snr` are what only the runs say, as in cells.Recipe.
    """

    found: Found
    prediction: Prediction = ""
    zero_snr: bool | None = None

    @property
    def title(self) -> str:
        return self.found.title

    @property
    def is_whole(self) -> bool:
        """Whether checkpoints of its family hold VAE and text encoders."""
        return self.found.family is not None and bool(self.found.family.parts)

    @property
    def holds_vae(self) -> bool:
        return all(part.argument != VAE for part in self.found.missing)

    @property
    def has_clip_skip(self) -> bool:
        """Whether what a run was trained with tells which layer of the text encoder it knows."""
        return self.found.name in ("", *ARGUMENTS["clip_skip"].acts_in)

    @property
    def is_flow(self) -> bool:
        return self.found.family is not None and self.found.family.training.is_flow


def facts_of(base_model: Path, runs: Iterable[Run] = ()) -> BaseFacts:
    """By its head, looked at once for each change of it; `runs` are those that were trained on it."""
    found = detect(base_model)
    arguments = [run.arguments for run in runs]
    if found.family is None:
        named = next((str(given["family"]) for given in arguments if given.get("family")), "")
        found = told(found, named)
    if found.family is None or found.family.training.is_flow:
        return BaseFacts(found)
    prediction: Prediction = "v" if not found.prediction and _is_said("v_parameterization", arguments) else ""
    found = dataclasses.replace(found, prediction=found.prediction or prediction)
    # Without velocity the first step has nothing to say where no signal is left.
    says_snr = found.predicts_velocity and not found.zero_snr and _is_said("zero_terminal_snr", arguments)
    return BaseFacts(
        dataclasses.replace(found, zero_snr=found.zero_snr or says_snr),
        prediction,
        True if says_snr else None,
    )


def _is_said(name: str, arguments: Iterable[Mapping[str, Any]]) -> bool:
    return any(bool(given.get(name)) for given in arguments)
