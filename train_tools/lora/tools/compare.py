"""Two LoRA files side by side: what they say of themselves, their layers, and how far apart these are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from train_tools.lora.tools.info import Info, block_name, info
from train_tools.lora.tools.interface import NOBODY, Watch
from train_tools.lora.tools.modules import LoraModules, open_lora
from train_tools.lora.tools.norms import Pair, pairs_of

PART_ENDS = ("lora_unet_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_te_")


@dataclass(frozen=True)
class BlockPair:
    """Norms of what both add to the layers of a block and of their difference. `cosine` is 1 where they point the same
    way, None where one adds nothing.
    """

    name: str
    layers: int
    first: float
    second: float
    difference: float
    cosine: float | None


@dataclass(frozen=True)
class Comparison:
    """`metadata`: name -> both texts, "" where a file says nothing; those that differ. `left_out` are layers whose
    change depends on the base model, or whose sizes differ.
    """

    first: Info
    second: Info
    same_tensors: bool
    metadata: Mapping[str, tuple[str, str]]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    ranks: Mapping[str, tuple[int, int]]
    blocks: tuple[BlockPair, ...]
    whole: BlockPair
    left_out: int


def compare(first: Path, second: Path, watch: Watch = NOBODY) -> Comparison:
    """Raises TrainToolsError where one of them is no whole LoRA."""
    infos = [info(file, watch) for file in (first, second)]
    one, other = open_lora(first), open_lora(second)
    pairs = pairs_of(one, other, watch)
    texts = [found.metadata for found in infos]
    said = {
        name: (texts[0].get(name, ""), texts[1].get(name, ""))
        for name in sorted({**texts[0], **texts[1]})
        if texts[0].get(name) != texts[1].get(name)
    }
    hashes = [found.hashes for found in infos]
    return Comparison(
        infos[0],
        infos[1],
        bool(hashes[0] and hashes[1] and hashes[0].tensors == hashes[1].tensors),
        said,
        tuple(name for name in one.modules if name not in other.modules),
        tuple(name for name in other.modules if name not in one.modules),
        _other_ranks(one, other),
        _blocks(pairs),
        _sum("", pairs.values()),
        len({*one.modules, *other.modules}) - len(pairs),
    )


def _other_ranks(first: LoraModules, second: LoraModules) -> Mapping[str, tuple[int, int]]:
    both = [(name, first.modules[name].rank, second.modules[name].rank) for name in first.modules
            if name in second.modules]  # fmt: skip
    return {name: (one, other) for name, one, other in both if one != other}


def _blocks(pairs: Mapping[str, Pair]) -> tuple[BlockPair, ...]:
    groups: dict[str, list[Pair]] = {}
    for name, pair in pairs.items():
        groups.setdefault(_block_of(name), []).append(pair)
    return tuple(_sum(name, group) for name, group in groups.items())


def _block_of(layer: str) -> str:
    """Text encoders keep what tells them apart."""
    part = next((one for one in PART_ENDS if layer.startswith(one)), "")
    block = block_name(layer.removeprefix(part))
    return block if part in ("lora_unet_", "") else f"{part.removeprefix('lora_')}{block}"


def _sum(name: str, pairs: Iterable[Pair]) -> BlockPair:
    found = list(pairs)
    first, second, difference = (
        math.sqrt(sum(getattr(pair, which) ** 2 for pair in found))
        for which in ("first", "second", "difference")
    )
    lengths = first * second
    cosine = sum(pair.product for pair in found) / lengths if lengths else None
    return BlockPair(name, len(found), first, second, difference, cosine)
