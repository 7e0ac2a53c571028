"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

import torch

from train_tools.families.stable_diffusion import long_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs."""

    def __init__(self, base: BaseModel, clip_skip: int, longest: int) -> None:
        """`longest` is max_token_length."""
        self._base = base
        self._clip_skip = clip_skip
        self._longest = longest
        self._known: dict[str, Conditioning] = {}

    def encode(self, captions: list[str]) -> Conditioning:
        """As the text encoders are now: for those that are trained."""
        ids = long_texts.tokens(self._base, captions, self._longest)
        return long_texts.embed(self._base, ids, self._clip_skip)

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Conditioning:
        new = sorted(set(captions) - set(self._known))
        if new:
            found = self.encode(new)
            self._known.update({caption: found[i : i + 1] for i, caption in enumerate(new)})
        return Conditioning.joined([self._known[caption] for caption in captions])
