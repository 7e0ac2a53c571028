"""Texts with weights in them: (word:1.3), (word) and [word], as sd-scripts reads them (weighted_captions).

After _get_weighted_input_ids in its library/strategy_base.py (48d368fa): the pieces of a text are tokenized apart, and
what an encoder says of a token is multiplied by its weight; nothing is brought back to its mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from train_tools.families.stable_diffusion import long_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning

STRONGER = 1.1
PIECE = re.compile(r"\\[()\[\]\\]?|[(\[]|:[+-]?[.\d]+\)|[)\]]|[^\\()\[\]:]+|:")
Piece = tuple[str, float]


def embed(base: BaseModel, texts: Sequence[str], longest: int, clip_skip: int = 1) -> Conditioning:
    """As `long_texts.embed` of texts without weights; `longest` is max_token_length."""
    encoded = [[_tokens(words, text, longest) for text in texts] for words in base.tokenizers]
    ids = [torch.stack([own for own, _ in of_encoder]).flatten(1) for of_encoder in encoded]
    found = long_texts.embed(base, ids, clip_skip)
    # The encoders have the same tokens; they differ in what fills the rest.
    weights = torch.tensor([own for _, own in encoded[0]]).to(found.hidden)
    return Conditioning(found.hidden * weights.unsqueeze(-1), found.pooled)


def length(base: BaseModel, texts: Sequence[str], most: int = 3 * long_texts.INSIDE) -> int:
    """The max_token_length that holds all of these texts."""
    words = base.tokenizers[0]
    counts = (sum(len(words(part).input_ids) - 2 for part, _ in pieces(text)) for text in texts)
    windows = -(-max(counts, default=0) // long_texts.INSIDE)
    return min(most, max(1, windows) * long_texts.INSIDE)


def _as_it_is(piece: str) -> list[Piece]:
    return [(piece, 1.0)]


def pieces(
    text: str, pattern: re.Pattern[str] = PIECE, plain: Callable[[str], list[Piece]] = _as_it_is
) -> list[Piece]:
    """A text's parts with their weights, equal neighbours in one. A bracket that isn't closed weighs on.

    `pattern` finds brackets and what is between them; `plain` is what the latter becomes.
    """
    found: list[tuple[str, float]] = []
    round_ones: list[int] = []
    square_ones: list[int] = []

    def weigh(start: int, weight: float) -> None:
        found[start:] = [(part, own * weight) for part, own in found[start:]]

    for piece in pattern.findall(text):
        number = _number(piece)
        if piece.startswith("\\"):
            found.append((piece[1:], 1.0))
        elif piece == "(":
            round_ones.append(len(found))
        elif piece == "[":
            square_ones.append(len(found))
        elif number is not None and round_ones:
            weigh(round_ones.pop(), number)
        elif piece == ")" and round_ones:
            weigh(round_ones.pop(), STRONGER)
        elif piece == "]" and square_ones:
            weigh(square_ones.pop(), 1 / STRONGER)
        else:
            found += plain(piece)
    for start in round_ones:
        weigh(start, STRONGER)
    for start in square_ones:
        weigh(start, 1 / STRONGER)
    return _joined(found)


def _number(piece: str) -> float | None:
    """Of `:1.3)`."""
    if len(piece) < 3 or not (piece.startswith(":") and piece.endswith(")")):
        return None
    try:
        return float(piece[1:-1])
    except ValueError:  # as in 1.2.3
        return None


def _joined(parts: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for text, weight in parts:
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + text, weight)
        else:
            joined.append((text, weight))
    return joined


def _tokens(words: Any, text: str, longest: int) -> tuple[Tensor, list[float]]:
    """Windows (longest / 75, 77), and the weights of what is made of them (longest + 2)."""
    ids: list[int] = []
    weights: list[float] = []
    for part, weight in pieces(text):
        own = words(part).input_ids[1:-1]
        ids += own
        weights += [weight] * len(own)
    ids, weights = ids[:longest], weights[:longest]
    missing = longest - len(ids)
    whole = [words.bos_token_id, *ids, words.eos_token_id, *[words.pad_token_id] * missing]
    return long_texts.windows(words, torch.tensor(whole), longest), [1.0, *weights, *[1.0] * (missing + 1)]
