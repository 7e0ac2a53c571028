"""Prompts as webuis read them: brackets weigh, BREAK begins anew, and texts are encoded 75 tokens by 75.

After modules/prompt_parser.py, sd_hijack_clip.py and sd_emphasis.py of AUTOMATIC1111's webui (v1.10.1) with the options
it begins with, which Forge, reForge and Forge Neo share. What changes while a picture is drawn, as [cat:dog:0.5], and
AND are plain text here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from train_tools.families.stable_diffusion.base import BaseModel, Conditioning
from train_tools.families.stable_diffusion.long_texts import INSIDE, WINDOW
from train_tools.families.stable_diffusion.weighted_texts import Piece, pieces

PIECE = re.compile(r"\\[()\[\]\\]?|[(\[]|:\s*[+-]?[.\d]+\s*\)|[)\]]|[^\\()\[\]:]+|:")
BREAK = ("BREAK", -1.0)  # within brackets it weighs something else, and is a word
BREAKS = re.compile(r"\s*\bBREAK\b\s*")
COMMA = ",</w>"
NOTHING = 1e-5  # a mean so much smaller than the numbers is none
NEAR = 20  # so many tokens after a comma go into the next chunk with what follows them


@dataclass
class Chunk:
    """Numbers of up to 75 tokens with their weights."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.ids) == INSIDE

    def cut(self, place: int) -> Chunk:
        """What stands from there on, which isn't here any more."""
        rest = Chunk(self.ids[place:], self.weights[place:])
        del self.ids[place:], self.weights[place:]
        return rest


def embed(base: BaseModel, texts: Sequence[str], clip_skip: int = 1) -> Conditioning:
    """`hidden` (count, 77 for each chunk, width), `pooled` that of the first chunk; `read` where texts differ in
    length.
    """
    known = {text: chunks_of(base.tokenizers[0], text) for text in dict.fromkeys(texts)}
    chunks = [known[text] for text in texts]
    most = max(map(len, chunks), default=1)
    filled = [[*own, *(Chunk() for _ in range(most - len(own)))] for own in chunks]
    ids = [torch.tensor([_window(words, one) for own in filled for one in own]) for words in base.tokenizers]
    found = base.embed(ids, clip_skip)
    hidden = found.hidden.unflatten(0, (len(texts), most))
    weights = torch.tensor([[_weights(one) for one in own] for own in filled], device=hidden.device)
    if (weights != 1).any():
        widths = [encoder.config.hidden_size for encoder in base.text_encoders]
        hidden = torch.cat([_weighed(part, weights) for part in hidden.split(widths, dim=-1)], dim=-1)
    pooled = None if found.pooled is None else found.pooled[::most]
    return Conditioning(hidden.flatten(1, 2), pooled, _read([len(own) for own in chunks], most, hidden))


def chunks_of(words: Any, text: str) -> list[Chunk]:
    """At least one; `words` is a CLIP tokenizer."""
    comma = words.convert_tokens_to_ids(COMMA)
    done: list[Chunk] = []
    chunk, last_comma = Chunk(), -1
    for part, weight in pieces(text, PIECE, _broken):
        if (part, weight) == BREAK:
            done.append(chunk)
            chunk, last_comma = Chunk(), -1
            continue
        for token in words(part, add_special_tokens=False, verbose=False).input_ids:
            if token == comma:
                last_comma = len(chunk.ids)
            if chunk.is_full:
                is_near = token != comma and last_comma >= 0 and INSIDE - last_comma <= NEAR
                rest = chunk.cut(last_comma + 1) if is_near else Chunk()
                done.append(chunk)
                chunk, last_comma = rest, -1
            chunk.ids.append(token)
            chunk.weights.append(weight)
    return [*done, chunk] if chunk.ids or not done else done


def _broken(piece: str) -> list[Piece]:
    found: list[Piece] = []
    for part in BREAKS.split(piece):
        found += [BREAK, (part, 1.0)] if found else [(part, 1.0)]
    return found


def _window(words: Any, chunk: Chunk) -> list[int]:
    """(77,)"""
    filled = [words.pad_token_id] * (INSIDE - len(chunk.ids))
    return [words.bos_token_id, *chunk.ids, words.eos_token_id, *filled]


def _weights(chunk: Chunk) -> list[float]:
    return [1.0, *chunk.weights, *[1.0] * (WINDOW - 1 - len(chunk.weights))]


def _weighed(hidden: Tensor, weights: Tensor) -> Tensor:
    """Of one encoder, (count, chunks, 77, width); each chunk keeps its mean, if it has one."""
    exact = hidden.float()
    made = exact * weights.unsqueeze(-1)
    before, after = (one.mean((2, 3), keepdim=True) for one in (exact, made))
    # Where the encoder's last norm was never trained it is 0 but for rounding, and a quotient of two such is anything.
    is_there = after.abs() > NOTHING * exact.abs().mean((2, 3), keepdim=True)
    return (made * torch.where(is_there, before / after, 1.0)).to(hidden.dtype)


def _read(counts: Sequence[int], most: int, like: Tensor) -> Tensor | None:
    """1 for what is read of each text, 0 for what fills it up to the longest's chunks; None: all is read."""
    if all(count == most for count in counts):
        return None
    rows = [[1.0] * count * WINDOW + [0.0] * (most - count) * WINDOW for count in counts]
    return torch.tensor(rows, device=like.device)
