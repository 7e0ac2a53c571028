from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.base_model.convert import write_checkpoint
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow

LOADED = ("sd1", "sd2", "sdxl")


@pytest.fixture(scope="session")
def narrow_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each family that our own programs load."""
    folder = tmp_path_factory.mktemp("narrow")
    files = {name: folder / f"{name}.safetensors" for name in LOADED}
    for name, file in files.items():
        write_checkpoint(narrow.build(KINDS[name]), file)
    return files
