"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import torch

from train_tools.families.loading import CPU
from train_tools.families.stable_diffusion import long_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning

from .config import RunConfig
from .data import Item
from .precision import computing, free
from .wording import all_wordings

AT_ONCE = 16  # texts that are embedded ahead
HELD_BYTES = 512 * 2**20  # of embeddings on the GPU; more of them wait in the computer's memory
MOST_KNOWN = 512  # texts that are kept where each step has new ones


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs; as long as there aren't ever new ones."""

    def __init__(self, base: BaseModel, clip_skip: int, longest: int) -> None:
        """`longest` is max_token_length."""
        self._base = base
        self._clip_skip = clip_skip
        self._longest = longest
        self._known: dict[str, Conditioning] = {}
        self._are_all_known = False

    def encode(self, captions: list[str]) -> Conditioning:
        """As the text encoders are now: for those that are trained."""
        for encoder in self._base.text_encoders:
            encoder.to(self._base.device)  # where they had left
        ids = long_texts.tokens(self._base, captions, self._longest)
        return long_texts.embed(self._base, ids, self._clip_skip)

    @torch.no_grad()
    def know(self, captions: Iterable[str]) -> None:
        """All that there will be: the text encoders aren't needed any more."""
        new = sorted(set(captions) - set(self._known))
        at = self._base.device
        for start in range(0, len(new), AT_ONCE):
            texts = new[start : start + AT_ONCE]
            found = self.encode(texts)
            if start == 0 and len(new) * found[:1].bytes > HELD_BYTES:
                at = torch.device("cpu")
            self._known.update({text: found[i : i + 1].to(at) for i, text in enumerate(texts)})
        self._are_all_known = True

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Conditioning:
        new = sorted(set(captions) - set(self._known))
        if new:
            found = self.encode(new)
            self._known.update({caption: found[i : i + 1] for i, caption in enumerate(new)})
        joined = Conditioning.joined([self._known[caption] for caption in captions]).to(self._base.device)
        if not self._are_all_known and len(self._known) > MOST_KNOWN:
            self._known.clear()
        return joined


def prepared(
    configs: Sequence[RunConfig], items: Sequence[Item], base: BaseModel, away: torch.device = CPU
) -> CaptionCache:
    """With all captions embedded, and the text encoders `away` from the GPU, where they aren't needed any more.

    They are where they are trained, and where captions are put together anew at each step.
    """
    first = configs[0]
    cache = CaptionCache(base, first.clip_skip, first.max_token_length)
    if first.train_text_encoder:
        return cache
    texts: set[str] = set()
    for config, item in product(configs, items):
        found = all_wordings(config, (item.caption,))
        if found is None:
            return cache
        texts |= found
    with computing(first, base.device):
        cache.know(texts)
    for encoder in base.text_encoders:
        free(encoder, away)
    return cache
