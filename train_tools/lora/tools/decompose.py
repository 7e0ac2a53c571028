"""Two factors for a matrix: its largest singular values, and how many of them.

Which are kept is as in sd-scripts' resize_lora and extract_lora_from_models (48d368fa), so that files are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from train_tools.errors import UsageError

LEAST = 1e-6  # a matrix whose largest singular value isn't above it is nothing
OVERSAMPLED, ITERATIONS = 16, 6  # of the randomised decomposition (Halko et al. 2011, arXiv 0909.4061)
METHODS = ("full", "randomised")

# How many singular values are kept: of these, of that many that the whole matrix has, whose squares add up to that.
Choice = Callable[[Tensor, int, float], int]


@dataclass(frozen=True)
class Values:
    """A decomposition: `left` (outputs, n), `values` (n), `right` (n, inputs). `all` is how many the matrix has,
    `square` the sum of the squares of all.
    """

    left: Tensor
    values: Tensor
    right: Tensor
    all: int
    square: float

    def kept(self, rank: int) -> float:
        """Which share of the norm the largest hold."""
        return (float(self.values[:rank].square().sum()) / self.square) ** 0.5 if self.square else 1.0


@dataclass(frozen=True)
class Factors:
    """`up` (outputs, rank) @ `down` (rank, inputs), and the share of the norm that they hold."""

    up: Tensor
    down: Tensor
    kept: float

    @property
    def rank(self) -> int:
        return len(self.down)


def decomposed(matrix: Tensor, most: int, method: str = "full") -> Values:
    """`most` is how many singular values a randomised decomposition looks for."""
    square = float(matrix.double().square().sum())
    count = min(matrix.shape)
    if method == "full" or most + OVERSAMPLED >= count:
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        return Values(left, values, right, count, square)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # the same file each time
        left, values, right = torch.svd_lowrank(matrix, most + OVERSAMPLED, ITERATIONS)
    return Values(left[:, :most], values[:most], right.T[:most], count, square)


def of_product(up: Tensor, down: Tensor) -> Values:
    """Of `up @ down`, which is never put together."""
    outer, inner = torch.linalg.qr(up), torch.linalg.qr(down.T)
    left, values, right = torch.linalg.svd(outer.R @ inner.R.T, full_matrices=False)
    square = float(values.double().square().sum())
    return Values(outer.Q @ left, values, right @ inner.Q.T, min(len(up), down.shape[1]), square)


def factors(values: Values, rank: int, clamp_quantile: float = 1.0) -> Factors:
    """`clamp_quantile`: what lies beyond this quantile of both factors' numbers is cut down to it; 1: nothing is."""
    rank = max(1, min(rank, len(values.values)))
    up, down = values.left[:, :rank] * values.values[:rank], values.right[:rank]
    if clamp_quantile < 1:
        limit = _quantile(torch.cat([up.flatten(), down.flatten()]), clamp_quantile)
        up, down = up.clamp(-limit, limit), down.clamp(-limit, limit)
    return Factors(up, down, values.kept(rank))


def _quantile(numbers: Tensor, share: float) -> float:
    """As torch.quantile, which refuses more than 16 million numbers."""
    place = share * (len(numbers) - 1)
    ordered = numbers.sort().values
    low, high = float(ordered[int(place)]), float(ordered[min(int(place) + 1, len(ordered) - 1)])
    return low + (high - low) * (place - int(place))


def rank_of(values: Values, method: str, value: float, most: int) -> int:
    """As resize_lora's: `fixed`, `sv_ratio`, `sv_fro`, `sv_cumulative`; at most `most`."""
    found = values.values
    if not len(found) or float(found[0]) <= LEAST:
        return 1
    if method == "fixed":
        return most
    if method == "sv_ratio":
        index = int((found > found[0] / value).sum())
    elif method == "sv_fro":
        squares = found.square()
        index = int(torch.searchsorted(squares.cumsum(0) / squares.sum(), value**2)) + 1
    else:
        index = int(torch.searchsorted(found.cumsum(0) / found.sum(), value)) + 1
    # Theirs counts from 1 twice; kept, as people know which values make which ranks.
    return min(max(1, min(index, values.all - 1)) + 1, most)


def rank_of_share(values: Values, share: float) -> int:
    """The fewest that hold this share of the norm."""
    if not values.square:
        return 1
    held = (values.values.double().square().cumsum(0) / values.square).sqrt()
    return min(int(torch.searchsorted(held, share - 1e-9)) + 1, len(held))


def check(rank: int | None, name: str = "rank") -> None:
    """Raises UsageError."""
    if rank is not None and rank < 1:
        raise UsageError(f"{name} must be 1 or more; {rank} isn't")


def check_quantile(value: float) -> None:
    """Raises UsageError."""
    if not 0 < value <= 1:
        raise UsageError(f"clamp_quantile must lie between 0 and 1; {value:g} doesn't")
