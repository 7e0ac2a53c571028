"""Texts of more than 75 tokens: encoded 75 by 75, and put together as sd-scripts does.

For max_token_length 150 and 225; strategy_base.py, strategy_sd.py and strategy_sdxl.py of its library (48d368fa).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from train_tools.families.stable_diffusion.base import BaseModel, Conditioning

WINDOW, INSIDE = 77, 75  # tokens that a text encoder reads at once, and those without the first and the last


def tokens(base: BaseModel, texts: Sequence[str], longest: int) -> tuple[Tensor, ...]:
    """Numbers of tokens (count, longest / 75 * 77) for each text encoder; `longest` is 75, 150 or 225."""
    if longest <= INSIDE:
        return base.tokens(texts)
    return tuple(
        torch.stack([windows(words, _whole(words, text, longest), longest) for text in texts]).flatten(1)
        for words in base.tokenizers
    )


def embed(base: BaseModel, ids: Sequence[Tensor], clip_skip: int = 1) -> Conditioning:
    """Of `tokens`; `hidden` (count, longest + 2, width), `pooled` that of the first 75."""
    count, length = ids[0].shape
    parts = length // WINDOW
    if parts == 1:
        return base.embed(ids, clip_skip)
    found = base.embed([one.reshape(-1, WINDOW) for one in ids], clip_skip)
    hidden = found.hidden.reshape(count, parts, WINDOW, -1)
    inside = hidden[:, :, 1:-1].flatten(1, 2)
    joined = torch.cat([hidden[:, 0, :1], inside, hidden[:, -1, -1:]], dim=1)
    return Conditioning(joined, None if found.pooled is None else found.pooled[::parts])


def _whole(words: Any, text: str, longest: int) -> Tensor:
    """(longest + 2,)"""
    encoded = words(text, padding="max_length", truncation=True, max_length=longest + 2, return_tensors="pt")
    ids: Tensor = encoded.input_ids[0]
    return ids


def windows(words: Any, ids: Tensor, longest: int) -> Tensor:
    """(longest / 75, 77) of a text's tokens (longest + 2,), each with a beginning and an end of its own."""
    if longest <= INSIDE:
        return ids.unsqueeze(0)
    end, filled = words.eos_token_id, words.pad_token_id
    parts = []
    for start in range(1, longest, INSIDE):
        window = torch.cat([ids[:1], ids[start : start + INSIDE], ids[-1:]])
        if filled != end:
            # OpenCLIP's words are filled up by another token: a text that goes on gets an end, an empty one, too.
            if window[-2] not in (end, filled):
                window[-1] = end
            if window[1] == filled:
                window[1] = end
        parts.append(window)
    return torch.stack(parts)
