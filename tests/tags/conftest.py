from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from train_tools.workspace.workspace import Version, Workspace

Make = Callable[..., Version]


def make_version(root: Path, texts: dict[str, str | None], concept: str = "zorb") -> Version:
    """Training images by name, each with its caption file or, for None, without."""
    workspace = Workspace(root)
    if not workspace.projects():
        workspace.create_project("zorb")
        workspace.create_version("zorb", "v1")
    version = workspace.version("zorb", "v1")
    folder = version.processed / f"10_{concept}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        Image.new("RGB", (8, 8), "red").save(folder / f"{name}.png")
        if text is not None:
            (folder / f"{name}.txt").write_bytes(text.encode("utf-8"))
    return version


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda texts, concept="zorb": make_version(tmp_path / "outputs", texts, concept)
