"""The kinds of networks that are drawn from their files. One more is one more file, and one more line."""

from __future__ import annotations

from . import boft, full, glora, hadamard, ia3, kronecker, low_rank, normalisation, oft
from .interface import Kind, Parts

KINDS: tuple[Kind, ...] = (
    low_rank.KIND, hadamard.KIND, kronecker.WHOLE, kronecker.IN_TWO, ia3.KIND, full.KIND, normalisation.KIND,
    glora.KIND,
)  # fmt: skip


def kind_of(parts: Parts) -> Kind | None:
    """By the names of a module's tensors; None where nothing here knows it."""
    if (blocks := parts.get("oft_blocks")) is not None:
        return {3: oft.KIND, 4: boft.KIND}.get(blocks.dim())  # they share their name
    return next((kind for kind in KINDS if kind.names[0] in parts), None)
