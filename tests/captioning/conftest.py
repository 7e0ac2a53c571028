from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from train_tools.dataset.intake import add
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def processed(tmp_path: Path) -> Version:
    """Three processed images, the first with a caption of its own."""
    workspace = Workspace(tmp_path / "outputs")
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, colour in (("a", "red"), ("b", "green"), ("c", "blue")):
        Image.new("RGB", (32, 32), colour).save(pictures / f"{name}.png")
    (pictures / "a.txt").write_text("zorb, mine", encoding="utf-8")
    add(version, [pictures])
    process(version, DatasetSettings(width=32, height=32))
    return version
