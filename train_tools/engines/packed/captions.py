"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

from collections.abc import Collection

import torch

from train_tools.families.stable_diffusion import long_texts, weighted_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning

from .kept import Kept, key_of

AT_ONCE = 16  # captions


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs."""

    def __init__(self, base: BaseModel, clip_skip: int, longest: int, weighted: bool = False) -> None:
        """`longest` is max_token_length, `weighted` tells that captions have weights in them."""
        self._base = base
        self._clip_skip = clip_skip
        self._longest = longest
        self._weighted = weighted
        self._known: dict[str, Conditioning] = {}

    def encode(self, captions: list[str]) -> Conditioning:
        """As the text encoders are now: for those that are trained."""
        if self._weighted:
            return weighted_texts.embed(self._base, captions, self._longest, self._clip_skip)
        ids = long_texts.tokens(self._base, captions, self._longest)
        return long_texts.embed(self._base, ids, self._clip_skip)

    @torch.no_grad()
    def fill(self, captions: Collection[str], kept: Kept, model: str) -> None:
        """Captions that never change: as they are kept of other packs, else encoded now. `model` is its content."""
        keys = {caption: self._key(caption, model) for caption in sorted(captions)}
        for caption, key in keys.items():
            if found := kept.get(key):
                self._known[caption] = Conditioning(found["hidden"], found.get("pooled")).to(
                    self._base.device
                )
        missing = [caption for caption in keys if caption not in self._known]
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            self.embed(part)
            for caption in part:
                one = self._known[caption]
                pooled = {} if one.pooled is None else {"pooled": one.pooled}
                kept.put(keys[caption], {"hidden": one.hidden, **pooled})

    def _key(self, caption: str, model: str) -> str:
        numbers = str(self._base.dtype), torch.is_autocast_enabled(self._base.device.type)
        how = [self._clip_skip, self._longest, self._weighted]
        return key_of("texts", model, numbers, self._base.device.type, how, caption)

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Conditioning:
        new = sorted(set(captions) - set(self._known))
        if new:
            found = self.encode(new)
            self._known.update({caption: found[i : i + 1] for i, caption in enumerate(new)})
        return Conditioning.joined([self._known[caption] for caption in captions])
