"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

import torch

from train_tools.families.stable_diffusion.base import BaseModel, Conditioning


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs."""

    def __init__(self, base: BaseModel, clip_skip: int) -> None:
        self._base = base
        self._clip_skip = clip_skip
        self._known: dict[str, Conditioning] = {}

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Conditioning:
        new = sorted(set(captions) - set(self._known))
        if new:
            found = self._base.embed(self._base.tokens(new), self._clip_skip)
            self._known.update({caption: found[i : i + 1] for i, caption in enumerate(new)})
        return Conditioning.joined([self._known[caption] for caption in captions])
