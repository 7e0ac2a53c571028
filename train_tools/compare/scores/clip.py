"""CLIP (Radford et al. 2021, arXiv:2103.00020) and OpenCLIP's models as transformers has them.

From a local folder or the hub. open_clip itself would need torchvision, which the training environment leaves out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

from train_tools.captioning.transformers_model import WEIGHTS, Preprocessing, TransformersModel, find_model
from train_tools.compare.scores.embedder import normalised

if TYPE_CHECKING:
    from typing_extensions import Self

SETTING = "scorer"
SAMPLE_BYTES = 1 << 20


def identity_of(folder: Path) -> str:
    """Of what the files hold, not of where they lie."""
    whole = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(p for pattern in WEIGHTS for p in folder.glob(pattern)):
        with path.open("rb") as file:
            whole.update(f"{path.name} {path.stat().st_size}".encode() + file.read(SAMPLE_BYTES))
    return f"clip-{whole.hexdigest()[:12]}"


class Clip(TransformersModel):
    """Pictures and texts in one space; on the GPU where there is one."""

    reads_text = True

    def __init__(self, source: str) -> None:
        """`source` is a folder or a hub id; raises UsageError where no CLIP model is there."""
        super().__init__()
        self.folder = find_model(source, "clip", SETTING)
        self.identity = identity_of(self.folder)
        self.title = (f"CLIP: {source}", f"CLIP:{source}")

    def __enter__(self) -> Self:
        self._load(CLIPModel, self.folder, "CLIP", SETTING)
        assert self.preprocessing is not None
        # `size` in the preprocessor's file is that of the shortest side before the crop.
        side = self.model.config.vision_config.image_size
        self.preprocessing = Preprocessing(side, side, self.preprocessing.mean, self.preprocessing.std)
        return self

    def pictures(self, images: Sequence[Image.Image]) -> Any:
        assert self.preprocessing is not None, "enter it first"
        squares = [_square(image, self.preprocessing.width) for image in images]
        pixels = torch.from_numpy(self.preprocessing.pixels(squares)).to(self.model.device)
        with torch.inference_mode():
            return _vectors(self.model.get_image_features(pixel_values=pixels))

    def texts(self, texts: Sequence[str]) -> Any:
        limit = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            known = {name: tokens[name] for name in ("input_ids", "attention_mask")}
            return _vectors(self.model.get_text_features(**known))


def _square(image: Image.Image, side: int) -> Image.Image:
    """The middle, as CLIP was trained: the shortest side scaled to `side`, then cropped."""
    scale = side / min(image.size)
    size = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
    scaled = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return scaled.crop((left, top, left + side, top + side))


def _vectors(features: Any) -> Any:
    # transformers 5 gives an output with the projected features in it, earlier ones the features themselves.
    tensor = getattr(features, "pooler_output", features)
    return normalised(tensor.float().cpu().numpy().astype(np.float32))
