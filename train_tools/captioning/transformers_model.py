"""A model of transformers that looks at pictures: where it lies, its tokenizer, and how its pixels are prepared.

Pixels are prepared here with Pillow and numpy, so that torchvision isn't needed.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from train_tools.captioning.model_files import first_line, model_folder
from train_tools.errors import UsageError

# CLIP's statistics, which BLIP was trained with, too.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# The hub's models hold their weights in several formats; the older one is fetched only where it must be.
TEXTS = ("*.json", "*.txt")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Preprocessing:
    """Target size in pixels; mean and standard deviation of red, green, blue in 0…1."""

    width: int
    height: int
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    def pixels(self, images: Sequence[Image.Image]) -> Any:
        """float32 array [image, 3, height, width]."""
        resized = [
            image.convert("RGB").resize((self.width, self.height), Image.Resampling.BICUBIC)
            for image in images
        ]
        batch = np.stack([np.asarray(image, dtype=np.float32) / 255 for image in resized])
        normal = (batch - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(0, 3, 1, 2), dtype=np.float32)


def read_preprocessing(folder: Path, image_size: int) -> Preprocessing:
    """From the folder's processor files; what they don't say: `image_size` and CLIP's statistics."""
    known: dict[str, Any] = {}
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            data = json.loads((folder / name).read_text(encoding="utf-8"))
            known = data.get("image_processor", data)
            break
    size = known.get("size", image_size)
    if isinstance(size, int):
        size = {"height": size, "width": size}
    return Preprocessing(
        width=size.get("width", image_size),
        height=size.get("height", image_size),
        mean=tuple(known.get("image_mean", MEAN)),
        std=tuple(known.get("image_std", STD)),
    )


def find_model(source: str, kind: str, setting: str) -> Path:
    """The folder of a model whose model_type is `kind`; `source` is a folder or a hub id, given by `setting`.

    Raises UsageError where there is none.
    """
    for weights in WEIGHTS:
        folder = model_folder(source, (*TEXTS, weights), ("config.json",), setting)
        if any(folder.glob(weights)):
            break
    there = read_config(folder).get("model_type")
    if there != kind:
        raise UsageError(
            f"{source} is no {kind.upper()} model (model_type {there} in its config.json); "
            f"give another with `--set {setting}=FOLDER`"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """config.json; empty where it isn't what it should be."""
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


class TransformersModel:
    """Between entering and leaving it there are `model`, on the GPU where there is one, and `tokenizer`."""

    def __init__(self) -> None:
        self.model: Any = None
        self.tokenizer: Any = None
        self.preprocessing: Preprocessing | None = None

    def _load(self, kind: Any, folder: Path, name: str, setting: str) -> None:
        """`kind` is a class of transformers. Raises UsageError where it can't load what is in the folder."""
        disable_progress_bar()  # of loading, which is quick; who uses it reports its own
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = kind.from_pretrained(folder, local_files_only=True)
            self.preprocessing = read_preprocessing(folder, model.config.vision_config.image_size)
        except Exception as error:  # transformers, tokenizers and safetensors each have errors of their own
            raise UsageError(
                f"the {name} model in {folder} can't be loaded ({first_line(error)}); "
                f"give another folder with `--set {setting}=FOLDER`"
            ) from error
        self.model = model.float().eval().to("cuda" if torch.cuda.is_available() else "cpu")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.model = self.tokenizer = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
