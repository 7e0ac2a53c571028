"""Strengths from pairwise votes: Bradley and Terry (1952, Biometrika 39), fitted by Hunter's MM algorithm.

Checkpoint i beats j with probability s_i / (s_i + s_j). Hunter (2004, Annals of Statistics 32, p. 386, eq. 3)
updates every s_i to W_i / sum_j n_ij / (s_i + s_j), which raises the likelihood with each step; W_i are i's wins
(a tie is half a win for both), n_ij the comparisons of i with j.

Prior: each checkpoint has drawn PRIOR_GAMES games against an imagined one of strength 1. It keeps who has won all or
nothing from an infinite strength, joins groups that were never compared with each other, and fades as votes come in.
Standard errors are those of the normal approximation at the maximum (the inverse of minus the second derivative
of log posterior in log s); intervals hold 95 % under it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

PRIOR_GAMES = 1.0
Z_95 = 1.959964
LARGEST_CHANGE = 1e-9  # of a log strength in the last round
MOST_ROUNDS = 10_000


@dataclass(frozen=True)
class Game:
    """`first` against `second`; `points` of the first: 1 won, 0.5 tied, 0 lost."""

    first: str
    second: str
    points: float


@dataclass(frozen=True)
class Fit:
    """Log strengths of `ids` (0 is average) and their covariance matrix (numpy arrays)."""

    ids: tuple[str, ...]
    log_strengths: Any
    covariance: Any


@dataclass(frozen=True)
class Rank:
    """`place` from 1. `chance` to win against an average one, with the bounds `low` and `high` of its interval."""

    place: int
    id: str
    log_strength: float
    standard_error: float
    chance: float
    low: float
    high: float
    games: int
    points: float


def fit(games: Sequence[Game], ids: Iterable[str] = ()) -> Fit:
    """Of all that played, and of `ids`."""
    import numpy as np

    names = tuple(dict.fromkeys([*ids, *(name for game in games for name in (game.first, game.second))]))
    place = {name: number for number, name in enumerate(names)}
    points = np.zeros((len(names), len(names)))
    for game in games:
        first, second = place[game.first], place[game.second]
        points[first, second] += game.points
        points[second, first] += 1 - game.points
    met = points + points.T
    wins = points.sum(axis=1) + PRIOR_GAMES / 2
    strengths = np.ones(len(names))
    for _ in range(MOST_ROUNDS):
        sums = strengths[:, None] + strengths[None, :]
        expected = (met / sums).sum(axis=1) + PRIOR_GAMES / (strengths + 1)
        better = wins / expected
        change = np.abs(np.log(better / strengths)).max(initial=0.0)
        strengths = better
        if change < LARGEST_CHANGE:
            break
    return Fit(names, np.log(strengths), _covariance(strengths, met))


def _covariance(strengths: Any, met: Any) -> Any:
    """Inverse of the information: n_ij p_ij p_ji off the diagonal (negative), rows sum to the prior's share."""
    import numpy as np

    sums = strengths[:, None] + strengths[None, :]
    weight = met * (strengths[:, None] / sums) * (strengths[None, :] / sums)
    against_average = strengths / (strengths + 1)
    prior = PRIOR_GAMES * against_average * (1 - against_average)
    return np.linalg.inv(np.diag(weight.sum(axis=1) + prior) - weight)


def rank(games: Sequence[Game]) -> list[Rank]:
    """The strongest first."""
    if not games:
        return []
    fitted = fit(games)
    played = {name: [g for g in games if name in (g.first, g.second)] for name in fitted.ids}
    rows = []
    for number, name in enumerate(fitted.ids):
        strength = float(fitted.log_strengths[number])
        error = math.sqrt(float(fitted.covariance[number, number]))
        won = sum(g.points if g.first == name else 1 - g.points for g in played[name])
        rows.append((strength, error, name, len(played[name]), won))
    rows.sort(key=lambda row: (-row[0], row[2]))
    return [
        Rank(
            place, name, strength, error, chance(strength),
            chance(strength - Z_95 * error), chance(strength + Z_95 * error), games_played, won,
        )
        for place, (strength, error, name, games_played, won) in enumerate(rows, start=1)
    ]  # fmt: skip


def chance(log_strength: float) -> float:
    return 1 / (1 + math.exp(-log_strength))
