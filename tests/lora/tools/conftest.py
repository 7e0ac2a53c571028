"""A small random base model, as a file and in memory, and LoRAs for it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from lora.tools.made import Write, lora
from small_base import random_base

from train_tools.base_model.convert import write_checkpoint
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel


@pytest.fixture(scope="session")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "random.safetensors"
    write_checkpoint(random_base(), path)
    return path


@pytest.fixture(scope="session")
def base(base_file: Path) -> BaseModel:
    return load(base_file)


@pytest.fixture(scope="session")
def write(base: BaseModel) -> Write:
    return functools.partial(lora, base)
