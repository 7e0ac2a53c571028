"""A safetensors file, written one tensor after another: a second copy of a base model may not fit into memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from train_tools.workspace.files import write_pieces

BYTES = 2  # of a number in fp16


def write_tensors(path: Path, tensors: Mapping[str, Sequence[Tensor]]) -> None:
    """In fp16. Each tensor is given as pieces, which stand one below another in it."""
    write_pieces(path, _content(tensors))


def head_of(tensors: Mapping[str, Sequence[Tensor]]) -> tuple[bytes, int]:
    """What the file begins with, and how many bytes of numbers follow."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, pieces in tensors.items():
        shape = [sum(len(piece) for piece in pieces), *pieces[0].shape[1:]]
        begin, end = end, end + BYTES * math.prod(shape)
        head[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin where a processor likes them to
    return len(text).to_bytes(8, "little") + text, end


def _content(tensors: Mapping[str, Sequence[Tensor]]) -> Iterator[bytes]:
    yield head_of(tensors)[0]
    for pieces in tensors.values():
        for piece in pieces:
            half = piece.detach().to("cpu", torch.float16).contiguous()
            yield half.view(-1).numpy().tobytes()
