from __future__ import annotations

import pytest

from train_tools.execution.paces import Steps, paces


def run(begin: float, *stretches: tuple[int, float], first: int = 1) -> Steps:
    """Steps one after another: so many, each so long."""
    steps, now = [(begin, first)], begin
    for count, seconds in stretches:
        for _ in range(count):
            now += seconds
            steps.append((round(now, 3), steps[-1][1] + 1))
    return steps


def test_a_pack_that_stays_together() -> None:
    assert paces([run(0, (20, 2.0)), run(0.001, (20, 2.0))]) == {2: pytest.approx(2.0, rel=1e-3)}
    assert paces([run(5, (20, 2.0), first=101)]) == {1: 2.0}


def test_who_leaves_and_who_joins_change_the_pace() -> None:
    """Two runs, then three, then the last one alone."""
    first = run(0, (10, 2.0), (10, 3.0))
    second = run(0.001, (10, 2.0), (10, 3.0))
    joined = run(20, (10, 3.0), (10, 1.0))
    assert paces([first, second, joined]) == {
        1: pytest.approx(1.0, rel=1e-3), 2: pytest.approx(2.0, rel=1e-3), 3: pytest.approx(3.0, rel=1e-3),
    }  # fmt: skip


def test_a_row_of_runs_that_join_one_another_is_no_large_pack() -> None:
    row = [run(20.0 * place, (10, 2.0)) for place in range(8)]
    assert paces(row) == {1: 2.0}


def test_a_few_steps_or_a_clock_that_was_set_back_tell_nothing() -> None:
    assert paces([run(0, (2, 2.0))]) == {}
    assert paces([[], [(0.0, 1)]]) == {}
    assert paces([[(9.0, 1), (10.0, 2), (3.0, 3), (4.0, 4), (5.0, 5)]]) == {}
