"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from train_tools.base_model.load import BaseModel
from train_tools.base_model.text import embed, tokens


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs."""

    def __init__(self, base: BaseModel, clip_skip: int) -> None:
        self._base = base
        self._clip_skip = clip_skip
        self._known: dict[str, Tensor] = {}

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Tensor:
        """(count, 77, width)"""
        new = sorted(set(captions) - set(self._known))
        if new:
            found = embed(self._base, tokens(self._base, new), self._clip_skip)
            self._known.update(zip(new, found, strict=True))
        return torch.stack([self._known[caption] for caption in captions])
