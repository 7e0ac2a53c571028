"""CLIP (Radford et al. 2021, arXiv:2103.00020) and OpenCLIP's models as transformers has them.

From a local folder or the hub. open_clip itself would need torchvision, which the training environment leaves out.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPModel
from transformers.utils.logging import disable_progress_bar

from train_tools.captioning.blip import Preprocessing, read_config, read_preprocessing
from train_tools.captioning.model_files import first_line, model_folder
from train_tools.compare.scores.embedder import normalised
from train_tools.errors import UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

TEXTS = ("*.json", "*.txt")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
SETTING = "scorer"
SAMPLE_BYTES = 1 << 20


def find_model(source: str) -> Path:
    """The folder of a CLIP model; raises UsageError where there is none."""
    for weights in WEIGHTS:
        folder = model_folder(source, (*TEXTS, weights), ("config.json",), SETTING)
        if any(folder.glob(weights)):
            break
    kind = read_config(folder).get("model_type")
    if kind != "clip":
        raise UsageError(
            f"{source} is no CLIP model (model_type {kind} in its config.json); "
            f"give another with `--set {SETTING}=FOLDER`"
        )
    return folder


def identity_of(folder: Path) -> str:
    """Of what the files hold, not of where they lie."""
    whole = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(p for pattern in WEIGHTS for p in folder.glob(pattern)):
        with path.open("rb") as file:
            whole.update(f"{path.name} {path.stat().st_size}".encode() + file.read(SAMPLE_BYTES))
    return f"clip-{whole.hexdigest()[:12]}"


class Clip:
    """Pictures and texts in one space; on the GPU where there is one."""

    reads_text = True

    def __init__(self, source: str) -> None:
        """`source` is a folder or a hub id; raises UsageError where no CLIP model is there."""
        self.folder = find_model(source)
        self.identity = identity_of(self.folder)
        self.title = (f"CLIP: {source}", f"CLIP:{source}")
        self.model: Any = None
        self.tokenizer: Any = None
        self.preprocessing: Preprocessing | None = None

    def __enter__(self) -> Self:
        disable_progress_bar()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model: Any = CLIPModel.from_pretrained(self.folder, local_files_only=True)
            side = model.config.vision_config.image_size
            # `size` in the preprocessor's file is that of the shortest side before the crop.
            said = read_preprocessing(self.folder, side)
            self.preprocessing = Preprocessing(side, side, said.mean, said.std)
        except Exception as error:  # transformers, tokenizers and safetensors each have errors of their own
            raise UsageError(
                f"the CLIP model in {self.folder} can't be loaded ({first_line(error)}); "
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
