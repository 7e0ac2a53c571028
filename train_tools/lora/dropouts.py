"""What each run of a pack leaves out by chance in one pass, drawn from its own generator.

As sd-scripts' networks.lora (48d368fa) and LyCORIS 3.2 do it: the former leaves out numbers of the narrow middle, and
makes the others larger; the latter leaves out rows of what is added to the weight. Both leave out whole modules.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Dropout:
    """Shares of one run. `rank` is of ranks for each sample; or, `of_outputs`, of the layer's outputs."""

    hidden: float = 0.0
    rank: float = 0.0
    module: float = 0.0
    of_outputs: bool = False

    def __bool__(self) -> bool:
        return bool(self.hidden or self.rank or self.module)


@dataclass(frozen=True)
class Middle:
    """Sizes of what lies between two factors: (K, samples, places, ranks), or ranks before places."""

    samples: int
    places: int
    ranks_first: bool = False

    def shape(self, ranks: int, *, each_place: bool) -> tuple[int, int, int]:
        places = self.places if each_place else 1
        return (self.samples, ranks, places) if self.ranks_first else (self.samples, places, ranks)


@dataclass(frozen=True)
class Left:
    """By what a layer's numbers are multiplied. None: by nothing.

    `hidden` (K, samples, places, R), `outputs` (K, outputs, 1), `kept` (K, 1, 1): 0 where all of a module is left out.
    """

    hidden: Tensor | None = None
    outputs: Tensor | None = None
    kept: Tensor | None = None


NOTHING = Left()


class Dropouts:
    """Of K runs. A layer that is computed again in the same pass, to save memory, gets what it got."""

    def __init__(
        self, rules: Sequence[Dropout], generators: Sequence[Generator], coins: Sequence[Generator]
    ) -> None:
        """`generators` draw where the model is; `coins`, of the CPU, say which modules are left out."""
        self._rules = rules
        self._generators = generators
        self._coins = coins
        self._of_modules = any(rule.module for rule in rules)
        self._of_outputs = any(rule.of_outputs and rule.rank for rule in rules)
        self._of_middle = any(not rule.of_outputs and (rule.hidden or rule.rank) for rule in rules)
        self._each_place = any(rule.hidden for rule in rules)
        self._drawn: dict[int, Left] = {}
        self._trained: list[set[int]] = [
            set() for _ in rules
        ]  # layers that a run didn't leave out, since a step
        self.is_on = True

    def begin(self) -> None:
        """A new pass."""
        self._drawn.clear()

    def state(self, run: int) -> dict[str, Tensor]:
        """Where a run's chances stand; of one that leaves nothing out, nothing."""
        if not self._rules[run]:
            return {}
        return {"left_out": self._generators[run].get_state(), "coins": self._coins[run].get_state()}

    def restore(self, run: int, kept: Mapping[str, Tensor]) -> None:
        """The counterpart of `state`. On another kind of device chance begins anew."""
        if self._rules[run]:
            self._coins[run].set_state(kept["coins"])
            if kept["left_out"].shape == self._generators[run].get_state().shape:
                self._generators[run].set_state(kept["left_out"])

    def trained(self, run: int) -> set[int]:
        """Layers that got a gradient since the last call: all but those that were left out each time."""
        found, self._trained[run] = self._trained[run], set()
        return found

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """Within this context nothing is left out, as where it is measured or drawn."""
        before, self.is_on = self.is_on, False
        try:
            yield
        finally:
            self.is_on = before

    def of(self, layer: int, ranks: Sequence[int], outputs: int, middle: Middle | None, like: Tensor) -> Left:
        """`ranks` are those of the runs on this layer, `middle` the sizes where it has two factors beside it."""
        if not self.is_on:
            return NOTHING
        if layer not in self._drawn:
            self._drawn[layer] = self._draw(layer, ranks, outputs, middle, like)
        return self._drawn[layer]

    def _draw(
        self, layer: int, ranks: Sequence[int], outputs: int, middle: Middle | None, like: Tensor
    ) -> Left:
        widest = max(ranks)
        hidden = kept = of_outputs = None
        if middle is not None and (self._of_middle or self._of_modules):
            shape = middle.shape(widest, each_place=self._each_place)
            hidden = torch.ones(len(ranks), *shape, device=like.device)
        elif self._of_modules:
            kept = torch.ones(len(ranks), 1, 1, device=like.device)
        if self._of_outputs:
            of_outputs = torch.ones(len(ranks), outputs, 1, device=like.device)
        for run, (rule, rank) in enumerate(zip(self._rules, ranks, strict=True)):
            if not rank or not rule:
                continue
            generator = self._generators[run]
            if rule.module and float(torch.rand(1, generator=self._coins[run])) < rule.module:
                for one in (hidden, kept):
                    if one is not None:
                        one[run] = 0
                continue
            self._trained[run].add(layer)
            if rule.of_outputs:
                if rule.rank and of_outputs is not None:
                    of_outputs[run] = _kept((outputs, 1), rule.rank, generator)
            elif hidden is not None and middle is not None:
                _leave_out(hidden[run], rule, rank, middle, generator)
        return Left(hidden, of_outputs, kept)


def _leave_out(hidden: Tensor, rule: Dropout, rank: int, middle: Middle, generator: Generator) -> None:
    own = hidden[:, :rank] if middle.ranks_first else hidden[..., :rank]
    if rule.hidden:
        shape = middle.shape(rank, each_place=True)
        own *= _kept(shape, rule.hidden, generator) / (1 - rule.hidden)
    if rule.rank:
        shape = middle.shape(rank, each_place=False)
        own *= _kept(shape, rule.rank, generator) / (1 - rule.rank)


def _kept(shape: tuple[int, ...], share: float, generator: Generator) -> Tensor:
    """1 for what stays, 0 for the share that is left out."""
    drawn = torch.rand(shape, generator=generator, device=generator.device)
    return (drawn > share).float()
