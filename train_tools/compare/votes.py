"""Blind votes between two checkpoints: previews/votes.jsonl, which pair to ask for next, and the ranking."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.compare import history
from train_tools.compare.ranking import Fit, Game, Rank, fit, rank
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version

FILE = "votes.jsonl"
POINTS = {"a": 1.0, "b": 0.0, "tie": 0.5}
LARGEST_POOL = 200  # checkpoints that a pair is chosen among; the fit inverts a matrix of that side


@dataclass(frozen=True)
class Pair:
    """Two checkpoints by their ids, and for each of `pictures` a cell of a and one of b that differ in nothing else."""

    a: str
    b: str
    pictures: tuple[tuple[int, int], ...]


def vote(version: Version, a: str, b: str, outcome: str, cell: str = "") -> dict[str, Any]:
    """`outcome` is a, b or tie; `cell` says what was looked at. Returns the record, with the `vote` that undoes it.

    Raises UsageError for another outcome, or one checkpoint against itself.
    """
    if outcome not in POINTS:
        raise UsageError(f"a vote can't be {outcome!r}; it is one of {', '.join(POINTS)}")
    if not a or not b or a == b:
        raise UsageError("a vote is between two different checkpoints")
    return history.append(
        version, FILE, {"vote": secrets.token_hex(6), "a": a, "b": b, "outcome": outcome, "cell": cell}
    )


def take_back(version: Version, number: str = "") -> str:
    """The last vote that counts, or the one of that number, counts no more; its line stays. Returns its number."""
    counted = [str(record["vote"]) for record in counted_votes(version)]
    if not counted:
        raise UsageError("there is no vote to take back")
    if number and number not in counted:
        raise UsageError(f"there is no vote {number!r} that counts")
    history.append(version, FILE, {"taken_back": number or counted[-1]})
    return number or counted[-1]


def counted_votes(version: Version) -> list[dict[str, Any]]:
    """Those that weren't taken back, the oldest first."""
    records = history.read(version, FILE)
    gone = {record.get("taken_back") for record in records}
    return [
        record
        for record in records
        if record.get("outcome") in POINTS
        and all(isinstance(record.get(name), str) for name in ("vote", "a", "b"))
        and record["vote"] not in gone
        and record["a"] != record["b"]
    ]


def games_of(version: Version) -> list[Game]:
    return [Game(v["a"], v["b"], POINTS[v["outcome"]]) for v in counted_votes(version)]


def ranking(version: Version) -> list[Rank]:
    return rank(games_of(version))


def choose_pair(
    games: Sequence[Game], pictures: Mapping[str, Mapping[Any, int]], chooser: random.Random
) -> Pair | None:
    """The pair whose vote would tell most; None where no two checkpoints have comparable pictures.

    `pictures` gives each checkpoint's cells by what they show. A vote adds p (1 - p) x x' to the information, so
    its determinant grows by the factor 1 + p (1 - p) var(difference) (matrix determinant lemma): greedy D-optimal
    design. Sides are drawn by lot, so that they tell nothing.
    """
    pool = _pool(games, pictures, chooser)
    fitted = fit([g for g in games if g.first in pool and g.second in pool], pool)
    for one, other in _by_gain(fitted, chooser):
        shared = sorted(pictures[one].keys() & pictures[other].keys(), key=repr)
        if shared:
            a, b = chooser.sample([one, other], 2)
            chooser.shuffle(shared)
            return Pair(a, b, tuple((pictures[a][what], pictures[b][what]) for what in shared))
    return None


def _pool(
    games: Sequence[Game], pictures: Mapping[str, Mapping[Any, int]], chooser: random.Random
) -> list[str]:
    """Those with the fewest votes, in an order drawn by lot."""
    played = Counter(name for game in games for name in (game.first, game.second))
    names = sorted(name for name, own in pictures.items() if own)
    chooser.shuffle(names)
    return sorted(names, key=lambda name: played[name])[:LARGEST_POOL]


def _by_gain(fitted: Fit, chooser: random.Random) -> list[tuple[str, str]]:
    """All pairs, the most telling first; equal ones in an order drawn by lot."""
    import numpy as np

    strengths, covariance = fitted.log_strengths, fitted.covariance
    p = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    variances = np.diag(covariance)
    gain = p * (1 - p) * (variances[:, None] + variances[None, :] - 2 * covariance)
    rows, columns = np.triu_indices(len(fitted.ids), k=1)
    values = np.round(gain[rows, columns], 9)
    lots = np.array([chooser.random() for _ in values])
    order = np.lexsort((lots, -values))
    return [(fitted.ids[rows[n]], fitted.ids[columns[n]]) for n in order]
