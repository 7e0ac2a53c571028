"""How long a step took, by how many runs were trained at once: runs leave a pack, and others join it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

FEWEST = 3  # steps that tell a pace

Steps = Sequence[tuple[float, int]]  # when each step of a run was done, and its number


def paces(runs: Sequence[Steps]) -> dict[int, float]:
    """Seconds a step, by the number of runs at once, as far as they were trained for some steps.

    Runs whose times go back, as after a change of the system's clock, are left out.
    """
    known = [steps for steps in runs if len(steps) > 1 and all(a[0] <= b[0] for a, b in pairwise(steps))]
    moments = sorted({steps[end][0] for steps in known for end in (0, -1)})
    totals: dict[int, tuple[float, int]] = {}
    for begin, end in pairwise(moments):
        there = [steps for steps in known if steps[0][0] <= begin and steps[-1][0] >= end]
        done = max((_number_at(steps, end) - _number_at(steps, begin) for steps in there), default=0)
        if done >= FEWEST:
            seconds, steps_before = totals.get(len(there), (0.0, 0))
            totals[len(there)] = seconds + end - begin, steps_before + done
    return {count: seconds / steps for count, (seconds, steps) in totals.items() if seconds > 0}


def _number_at(steps: Steps, moment: float) -> int:
    """Of the step that was done then, or before."""
    place = bisect_left(steps, (moment, 1 << 62))
    return steps[max(0, place - 1)][1]
