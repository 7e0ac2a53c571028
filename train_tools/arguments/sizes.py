"""The sizes that a run trains its images at: `512,768` is one, `512,512+1024,1024` are two at once.

At several, every image is trained at each: an epoch is as many times as long. Sizes are (width, height) in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from train_tools.errors import UsageError

Size = tuple[int, int]

TOGETHER = "+"
SIZE = re.compile(r"\s*(\d+)(?:\s*[,xX]\s*(\d+))?\s*")
SMALLEST_SIDE, LARGEST_SIDE = 8, 65_536


def read_sizes(text: str) -> tuple[Size, ...]:
    """What a person writes: `512`, `512x768`, `512+1024`; empty where that says no sizes."""
    found = [SIZE.fullmatch(piece) for piece in text.split(TOGETHER)]
    sizes = [(int(one[1]), int(one[2] or one[1])) for one in found if one]
    are_right = all(min(size) >= SMALLEST_SIDE and max(size) <= LARGEST_SIDE for size in sizes)
    return _in_order(sizes) if are_right and len(sizes) == len(found) else ()


def sizes_of(value: Any) -> tuple[Size, ...]:
    """Of a run's `resolution`, the smallest first. Raises UsageError where it can't be read."""
    if not (found := read_sizes(str(value))):
        raise UsageError(f"resolution {value} can't be read; write it as 512,768, several at once as 512+768")
    return found


def largest_of(value: Any) -> Size:
    """Of a run's `resolution`: what its memory depends on, and what it is drawn at."""
    return sizes_of(value)[-1]


def sizes_text(sizes: Iterable[Size]) -> str:
    """As run.toml holds them."""
    return TOGETHER.join(f"{width},{height}" for width, height in _in_order(sizes))


def of_sides(sides: Iterable[int]) -> str:
    """Of squares, as other programs list them."""
    return sizes_text((side, side) for side in sides)


def _in_order(sizes: Iterable[Size]) -> tuple[Size, ...]:
    """Each once, by area: one choice of sizes has one text."""
    return tuple(sorted(set(sizes), key=lambda size: (size[0] * size[1], size)))
