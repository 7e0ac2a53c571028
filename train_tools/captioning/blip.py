"""BLIP (Li et al. 2022, arXiv:2201.12086) as transformers has it, from a local folder or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import BlipForConditionalGeneration

from train_tools.captioning.interface import Picture
from train_tools.captioning.transformers_model import TransformersModel, find_model
from train_tools.small_models import captioner_folder

if TYPE_CHECKING:
    from typing_extensions import Self

    from train_tools.captioning.settings import CaptioningSettings

SETTING = "model"


class BlipCaptioner(TransformersModel):
    """A `BlipForConditionalGeneration` and its tokenizer; on the GPU where there is one."""

    name = "blip"

    def __init__(self, model: str, *, beams: int = 1, max_tokens: int = 40) -> None:
        """`model` is a folder or a hub id."""
        super().__init__()
        self.source = model
        self.beams = beams
        self.max_tokens = max_tokens

    def __enter__(self) -> Self:
        folder = find_model(self.source, "blip", SETTING)
        self._load(BlipForConditionalGeneration, folder, "BLIP", SETTING)
        return self

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


def made(settings: CaptioningSettings, _root: Path) -> BlipCaptioner:
    return BlipCaptioner(
        settings.model or str(captioner_folder()), beams=settings.beams, max_tokens=settings.max_tokens
    )


def made_toy(settings: CaptioningSettings, _root: Path) -> BlipCaptioner:
    return BlipCaptioner(str(captioner_folder()), beams=settings.beams, max_tokens=settings.max_tokens)
