"""Learning rates of a UNet's blocks (`down_lr_weight` …), which multiply the UNet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from train_tools.engines.packed.network.blocks import Blocks, blocks_of
from train_tools.engines.packed.network.words import Network


@dataclass(frozen=True)
class BlockRates:
    blocks: Blocks
    weights: tuple[float, ...]

    def place(self, name: str) -> int:
        return self.blocks.place(name)


def weights_of_blocks(network: Network, names: Sequence[str]) -> BlockRates | None:
    """Of a UNet with layers so called; None where no block differs. Raises UsageError where a list can't be read."""
    lists = network.lists
    if not lists.has_rates:
        return None
    blocks = blocks_of(names)
    return BlockRates(blocks, blocks.weights(lists.down, lists.middle, lists.up, lists.zero_threshold))
