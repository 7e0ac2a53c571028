"""BLIP (Li et al. 2022, arXiv:2201.12086) as transformers has it, from a local folder or the hub.

Pixels are prepared here with Pillow and numpy, so that torchvision isn't needed.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, BlipForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from train_tools.captioning.interface import Picture
from train_tools.captioning.model_files import first_line, model_folder
from train_tools.errors import UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

# CLIP's statistics, which BLIP was trained with.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
SETTING = "model"
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


def find_model(source: str) -> Path:
    """The folder of a BLIP captioning model; raises UsageError where there is none."""
    for weights in WEIGHTS:
        folder = model_folder(source, (*TEXTS, weights), ("config.json",), SETTING)
        if any(folder.glob(weights)):
            break
    kind = read_config(folder).get("model_type")
    if kind != "blip":
        raise UsageError(
            f"{source} is no BLIP model (model_type {kind} in its config.json); "
            f"give another with `--set {SETTING}=FOLDER`"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """config.json; empty where it isn't what it should be."""
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


class BlipCaptioner:
    """A `BlipForConditionalGeneration` and its tokenizer; on the GPU where there is one."""

    name = "blip"

    def __init__(self, model: str, *, beams: int = 1, max_tokens: int = 40) -> None:
        """`model` is a folder or a hub id."""
        self.source = model
        self.beams = beams
        self.max_tokens = max_tokens
        self.model: Any = None
        self.tokenizer: Any = None
        self.preprocessing: Preprocessing | None = None

    def __enter__(self) -> Self:
        folder = find_model(self.source)
        disable_progress_bar()  # of loading, which is quick; captions report their own
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model: Any = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True)
            self.preprocessing = read_preprocessing(folder, model.config.vision_config.image_size)
        except Exception as error:  # transformers, tokenizers and safetensors each have errors of their own
            raise UsageError(
                f"the BLIP model in {folder} can't be loaded ({first_line(error)}); "
                f"give another folder with `--set {SETTING}=FOLDER`"
            ) from error
        self.model = model.float().eval().to("cuda" if torch.cuda.is_available() else "cpu")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.model = self.tokenizer = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        assert self.preprocessing is not None, "enter the captioner first"
        pixels = torch.from_numpy(self.preprocessing.pixels([p.image for p in pictures])).to(
            self.model.device
        )
        with torch.inference_mode():
            tokens = self.model.generate(
                pixel_values=pixels, num_beams=self.beams, max_new_tokens=self.max_tokens, do_sample=False
            )
        # The first token starts the decoder; BLIP's id for it lies outside the vocabulary of plain BERT.
        texts = self.tokenizer.batch_decode(tokens[:, 1:], skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]
