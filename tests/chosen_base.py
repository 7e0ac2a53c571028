"""Versions whose base model somebody has chosen: the page trains nothing else."""

from __future__ import annotations

from train_tools.families.interface import BASE
from train_tools.small_models import base_model_file
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version


def choose_toy(version: Version) -> None:
    """The small model that ships, by its path."""
    settings.update(version, "training", {BASE: str(base_model_file())})
