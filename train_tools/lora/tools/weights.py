"""With which weight each LoRA goes in: as a whole, its text encoders' part, and block by block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.families import block_weights
from train_tools.families.interface import Family

ONE = re.compile(r"(?P<block>[A-Za-z][\w.]*)\s*[=:]\s*(?P<weight>[-+]?[\d.]+(?:e[-+]?\d+)?)", re.IGNORECASE)
PLACE = re.compile(r"BASE|MID|(?:IN|OUT)\d\d", re.IGNORECASE)
IN_ORDER = ("BASE", *(f"IN{n:02}" for n in range(12)), "MID", *(f"OUT{n:02}" for n in range(12)))


@dataclass(frozen=True)
class Weighted:
    """A LoRA file. `text_weight` is that of the text encoders' layers, None: the same.

    `blocks` multiply it: what the block weights of previews may be (a preset, 12, 17, 20 or 26 numbers), or blocks by
    their names, `IN04=0.5, OUT03=0` or the beginnings of layers' names, `double_blocks.3=0.5`; the rest is 1.
    """

    path: Path
    weight: float = 1.0
    text_weight: float | None = None
    blocks: str = ""


def weights_of(chosen: Weighted, family: Family | None) -> Callable[[str], float]:
    """The weight of a layer by its name. Raises UsageError where blocks aren't said rightly."""
    factor = _factors(chosen.blocks, family)
    text = chosen.weight if chosen.text_weight is None else chosen.text_weight

    def weight(layer: str) -> float:
        return (text if layer.startswith("lora_te") else chosen.weight) * factor(layer)

    return weight


def _factors(blocks: str, family: Family | None) -> Callable[[str], float]:
    if not blocks.strip():
        return lambda _layer: 1.0
    if "=" not in blocks:
        numbers = block_weights.parse(blocks, family.network.blocks if family else None)
        return lambda layer: block_weights.factor(numbers, layer)
    named: list[tuple[str, float]] = []
    for part in filter(None, (one.strip() for one in blocks.split(","))):
        found = ONE.fullmatch(part)
        try:
            if not found:
                raise ValueError(part)
            named.append((found["block"], float(found["weight"])))
        except ValueError:
            raise UsageError(
                f"{part} is no weight of a block; write IN04=0.5, BASE=0 or the beginning of a layer's name, as "
                "double_blocks.3=0.5"
            ) from None
    places = {name.upper(): weight for name, weight in named if PLACE.fullmatch(name)}
    numbers = tuple(places.get(name, 1.0) for name in IN_ORDER)
    layers = [(_start(name), weight) for name, weight in named if not PLACE.fullmatch(name)]

    def factor(layer: str) -> float:
        weight = block_weights.factor(numbers, layer)
        for start, own in layers:
            if f"{layer}_".startswith((f"lora_unet_{start}_", f"{start}_")):
                weight *= own
        return weight

    return factor


def _start(name: str) -> str:
    return name.replace(".", "_").rstrip("_")
