"""Embeddings of captions under a frozen text encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import torch

from train_tools.engines.packed.base.precision import computing, free
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.kept import NOTHING_KEPT, Kept, key_of
from train_tools.engines.packed.data.pictures import Item
from train_tools.engines.packed.data.wording import all_wordings
from train_tools.families.loading import CPU
from train_tools.families.stable_diffusion import long_texts, weighted_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning

AT_ONCE = 16  # texts that are embedded ahead
HELD_BYTES = 512 * 2**20  # of embeddings on the GPU; more of them wait in the computer's memory
MOST_KNOWN = 512  # texts that are kept where each step has new ones


class CaptionCache:
    """Each caption is embedded once, for all runs of a pack and all epochs; as long as there aren't ever new ones."""

    def __init__(self, base: BaseModel, clip_skip: int, longest: int, weighted: bool = False) -> None:
        """`longest` is max_token_length, `weighted` tells that captions have weights in them."""
        self._base = base
        self._clip_skip = clip_skip
        self._longest = longest
        self._weighted = weighted
        self._known: dict[str, Conditioning] = {}
        self._are_all_known = False

    def encode(self, captions: list[str]) -> Conditioning:
        """As the text encoders are now: for those that are trained."""
        for encoder in self._base.text_encoders:
            if encoder.device != self._base.device:  # where they had left; asking all layers takes long
                encoder.to(self._base.device)
        if self._weighted:
            return weighted_texts.embed(self._base, captions, self._longest, self._clip_skip)
        ids = long_texts.tokens(self._base, captions, self._longest)
        return long_texts.embed(self._base, ids, self._clip_skip)

    @torch.no_grad()
    def know(self, captions: Iterable[str], kept: Kept = NOTHING_KEPT, model: str = "") -> None:
        """All that there will be: the text encoders aren't needed any more.

        What is `kept` of other packs isn't encoded again; `model` stands for the base model's content.
        """
        keys = {text: self._key(text, model) for text in sorted(set(captions) - set(self._known))}
        found = {text: _read(kept, key) for text, key in keys.items()}
        missing = [text for text, known in found.items() if known is None]
        for start in range(0, len(missing), AT_ONCE):
            texts = missing[start : start + AT_ONCE]
            made = self.encode(texts).to(CPU)
            for index, text in enumerate(texts):
                found[text] = made[index : index + 1]
                _write(kept, keys[text], made[index : index + 1])
        whole = {text: known for text, known in found.items() if known is not None}
        is_much = sum(known.bytes for known in whole.values()) > HELD_BYTES
        at = CPU if is_much else self._base.device
        self._known.update({text: known.to(at) for text, known in whole.items()})
        self._are_all_known = True

    def expect_new(self) -> None:
        """Of runs that `know` wasn't told of."""
        self._are_all_known = False

    def _key(self, caption: str, model: str) -> str:
        device = self._base.device.type
        numbers = str(self._base.dtype), torch.is_autocast_enabled(device)
        how = self._clip_skip, self._longest, self._weighted
        return key_of("texts", model, numbers, device, how, caption)

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


def _read(kept: Kept, key: str) -> Conditioning | None:
    found = kept.get(key)
    return Conditioning(found["hidden"], found.get("pooled")) if found else None


def _write(kept: Kept, key: str, known: Conditioning) -> None:
    kept.put(key, {"hidden": known.hidden, **({} if known.pooled is None else {"pooled": known.pooled})})


def prepared(
    configs: Sequence[RunConfig],
    items: Sequence[Item],
    base: BaseModel,
    away: torch.device = CPU,
    kept: Kept = NOTHING_KEPT,
    model: str = "",
) -> CaptionCache:
    """With all captions embedded, and the text encoders `away` from the GPU, where they aren't needed any more.

    They are where they are trained, and where captions are put together anew at each step.
    """
    first = configs[0]
    cache = CaptionCache(base, first.clip_skip, first.max_token_length, first.weighted_captions)
    if first.train_text_encoder:
        return cache
    texts: set[str] = set()
    for config, item in product(configs, items):
        found = all_wordings(config, (item.caption,))
        if found is None:
            return cache
        texts |= found
    with computing(first, base.device):
        cache.know(texts, kept, model)
    for encoder in base.text_encoders:
        free(encoder, away)
    return cache
