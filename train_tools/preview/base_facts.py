"""What the choice of a renderer needs to know of a base model; the one place of previews that asks for its family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_tools.engines.packed.support import unsupported_base
from train_tools.families.detect import detect

VAE = "vae"  # the argument that stands in for a part which is missing


@dataclass(frozen=True)
class BaseFacts:
    """`is_whole`: of a family whose checkpoints hold VAE and text encoders. `is_drawn`: our own renderer loads it."""

    title: str
    is_whole: bool
    holds_vae: bool
    is_drawn: bool
    predicts_velocity: bool


def facts_of(base_model: Path) -> BaseFacts:
    """By its head, looked at once for each change of it."""
    found = detect(base_model)
    return BaseFacts(
        title=found.title,
        is_whole=found.family is not None and bool(found.family.parts),
        holds_vae=all(part.argument != VAE for part in found.missing),
        is_drawn=not unsupported_base(found),
        predicts_velocity=found.prediction == "v",
    )
