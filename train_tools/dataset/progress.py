"""What a long service tells while it works: one event for each image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` images; the last one was `name`, and `text` says what became of it."""

    done: int
    total: int
    name: str
    text: str


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """For callers that don't watch."""
