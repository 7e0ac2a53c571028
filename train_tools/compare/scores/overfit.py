"""Where a run seems to overfit, by a rule that is stated and shown with the hint.

Checkpoint k is "overfit from here" if at k and at every later checkpoint of the run, compared with the best checkpoint
before k (by likeness to the prompt; by diversity over seeds where no model reads texts):
- that likeness (or diversity) is lower by more than 2 standard errors, and
- the likeness to the nearest training image is higher by more than 2 standard errors.
Differences are taken picture by picture (the same prompt, seed and settings), so what prompts differ in cancels.
Without two pictures in common, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.compare.scores.measures import DIVERSITY, NEAREST, PROMPT, summary

ERRORS = 2.0
RULE = (
    (
        "From this checkpoint on, every checkpoint follows the prompt less (or varies less over seeds) than the best "
        "one before it, and comes closer to single training images, each by more than 2 standard errors."
    ),
    "从此每个检查点都比之前最好的更不听提示词（或种子间变化更小），且更接近某张训练图；两者均超过 2 倍标准误。",
)

Values = Mapping[str, Mapping[Any, float]]  # measure -> what the picture shows -> value


@dataclass(frozen=True)
class Hint:
    """`place` among the run's checkpoints; `best` is the one to look at; `by` is the measure that fell."""

    place: int
    best: int
    by: str


def overfit_from(checkpoints: Sequence[Values]) -> Hint | None:
    """Of one run's checkpoints in the order of training; None where the rule never holds to the end."""
    by = next((m for m in (PROMPT, DIVERSITY) if sum(bool(c.get(m)) for c in checkpoints) > 1), None)
    if by is None:
        return None
    means = [summary(list(c[by].values())).mean if c.get(by) else None for c in checkpoints]
    for place in range(1, len(checkpoints)):
        earlier = [n for n in range(place) if means[n] is not None]
        if not earlier:
            continue
        best = max(earlier, key=lambda n: means[n] or 0.0)
        if all(_is_worse(checkpoints[best], later, by) for later in checkpoints[place:]):
            return Hint(place, best, by)
    return None


def _is_worse(best: Values, later: Values, by: str) -> bool:
    return _differs(later, best, by, -1) and _differs(later, best, NEAREST, 1)


def _differs(later: Values, best: Values, measure: str, sign: int) -> bool:
    """Whether `later` is above (1) or below (-1) `best` by more than ERRORS standard errors."""
    after, before = later.get(measure, {}), best.get(measure, {})
    differences = [sign * (after[what] - before[what]) for what in after.keys() & before.keys()]
    if len(differences) < 2:
        return False
    found = summary(differences)
    # Rounding alone must not make a difference of 0 with an error of 0 a finding.
    return found.error is not None and found.mean > max(ERRORS * found.error, 1e-6)
