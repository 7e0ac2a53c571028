"""Where what people say of checkpoints lies (previews/), and what can be made again at any time (previews/.cache/)."""

from __future__ import annotations

from pathlib import Path

from train_tools.workspace.tree import CACHE
from train_tools.workspace.workspace import Version


def previews(version: Version) -> Path:
    return version.folder / "previews"


def cache(version: Version) -> Path:
    """Left out of copies, zips and counts."""
    return previews(version) / CACHE
