"""No webui around: what Train Tools can do by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train_tools.hosts.interface import (
    CAPABILITIES,
    BaseModel,
    Folders,
    HostCaptioner,
    HostError,
    HostProgress,
    Lent,
    MemorySeen,
    Remembered,
)

MODELS_VARIABLE = "TRAIN_TOOLS_MODELS"  # a folder laid out as a webui's `models`
BASE_MODELS, LORAS = "Stable-diffusion", "Lora"
MODEL_FILES = ("VAE", "text_encoder")
SUFFIXES = (".safetensors", ".ckpt")
ALONE = "Train Tools runs without a webui here"


class Standalone:
    """`root` is the folder above `train_tools`; models lie in `models` beside it unless the variable says else."""

    name = "Train Tools"
    version = ""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._models = Path(os.environ.get(MODELS_VARIABLE) or root / "models")

    def capabilities(self) -> Mapping[str, str | None]:
        able = ("base models", "publish")
        return {what: None if what in able else ALONE for what in CAPABILITIES}

    def folders(self) -> Folders:
        return Folders(self._root, self._models / LORAS, self._models)

    def is_exposed(self) -> bool:
        return False  # the page server knows how it was started

    def base_models(self) -> list[BaseModel]:
        folder = self._models / BASE_MODELS
        files = [
            path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and ".vae." not in path.name
        ]
        return [BaseModel(file.relative_to(folder).as_posix(), file) for file in sorted(files)]

    def model_files(self) -> list[Path]:
        folders = [self._models / name for name in MODEL_FILES]
        return sorted(
            p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in (*SUFFIXES, ".pt")
        )

    def samplers(self) -> list[str]:
        return []

    def schedulers(self) -> list[str]:
        return []

    def captioners(self) -> Mapping[str, HostCaptioner]:
        return {}

    def render(self, request: Mapping[str, Any]) -> bytes:  # noqa: ARG002
        raise HostError(f"there is no webui to make pictures with: {ALONE}; take the packed renderer")

    def picture_settings(self) -> Mapping[str, Any]:
        return {}

    @contextmanager
    def memory_lent(self, mode: str) -> Iterator[Lent]:  # noqa: ARG002
        yield Remembered(MemorySeen())

    def progress(self) -> HostProgress:
        return HostProgress()

    def interrupt(self) -> None:
        pass

    def rescan_loras(self) -> None:
        pass
