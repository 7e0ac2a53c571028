"""Bradley–Terry: known solutions, what the prior does, and that the intervals hold what they promise."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from train_tools.compare.ranking import PRIOR_GAMES, Game, chance, fit, rank
from train_tools.compare.votes import choose_pair


def games(table: dict[tuple[str, str], int]) -> list[Game]:
    return [Game(a, b, 1.0) for (a, b), times in table.items() for _ in range(times)]


def test_two_checkpoints_have_the_solution_that_can_be_written_down() -> None:
    # By symmetry their log strengths are t and -t. Wins and expected wins of a are equal at the maximum:
    # 30 + 1/2 = 40 chance(2 t) + chance(t).
    fitted = fit(games({("a", "b"): 30, ("b", "a"): 10}))
    t = fitted.log_strengths[0]
    assert fitted.log_strengths[1] == pytest.approx(-t, abs=1e-6)
    assert pytest.approx(40 * chance(2 * t) + PRIOR_GAMES * chance(t), abs=1e-5) == 30 + PRIOR_GAMES / 2


def test_the_gradient_is_zero_at_the_fit_and_the_covariance_is_the_inverse_of_its_curvature() -> None:
    played = games({("a", "b"): 4, ("b", "c"): 3, ("c", "a"): 2, ("a", "d"): 5, ("d", "c"): 1})
    fitted = fit(played)

    def log_posterior(strengths: np.ndarray) -> float:
        where = {name: i for i, name in enumerate(fitted.ids)}
        total = sum(math.log(chance(strengths[where[g.first]] - strengths[where[g.second]])) for g in played)
        prior = sum(math.log(chance(s)) + math.log(chance(-s)) for s in strengths)
        return total + PRIOR_GAMES / 2 * prior

    best, step = fitted.log_strengths, 1e-4
    unit = np.eye(len(best)) * step
    gradient = [(log_posterior(best + u) - log_posterior(best - u)) / (2 * step) for u in unit]
    assert np.abs(gradient).max() < 1e-5
    curvature = np.array([
        [
            log_posterior(best + u + v) - log_posterior(best + u - v)
            - log_posterior(best - u + v) + log_posterior(best - u - v)
            for v in unit
        ]
        for u in unit
    ]) / (4 * step**2)  # fmt: skip
    assert np.allclose(np.linalg.inv(-curvature), fitted.covariance, rtol=1e-3)


def test_who_won_all_stays_finite_and_unmet_groups_are_comparable() -> None:
    ranks = rank(games({("a", "b"): 5, ("c", "d"): 1}))
    assert [r.id for r in ranks] == ["a", "c", "d", "b"]
    assert all(math.isfinite(r.log_strength) and 0 < r.low < r.chance < r.high < 1 for r in ranks)
    assert ranks[0].games == 5
    assert ranks[0].points == 5


def test_a_tie_is_half_a_win() -> None:
    even = rank([Game("a", "b", 0.5)] * 6)
    assert [r.log_strength for r in even] == pytest.approx([0, 0], abs=1e-6)
    assert even[0].standard_error == pytest.approx(
        rank(games({("a", "b"): 3, ("b", "a"): 3}))[0].standard_error
    )


def test_intervals_shrink_with_votes_and_hold_the_truth() -> None:
    chooser = random.Random(7)
    truth = {"a": 0.9, "b": 0.3, "c": -0.3, "d": -0.9}
    held = total = 0
    for _ in range(60):
        played = []
        for _ in range(80):
            one, other = chooser.sample(sorted(truth), 2)
            played.append(Game(one, other, float(chooser.random() < chance(truth[one] - truth[other]))))
        for row in rank(played):
            held += row.low < chance(truth[row.id]) < row.high
            total += 1
    assert 0.9 < held / total <= 1
    few, many = rank(games({("a", "b"): 2, ("b", "a"): 2})), rank(games({("a", "b"): 50, ("b", "a"): 50}))
    assert many[0].standard_error < few[0].standard_error


def test_pairs_are_chosen_where_a_vote_tells_most() -> None:
    cells = {name: {"prompt": number} for number, name in enumerate("abcd")}
    # a and b are settled against each other; d was never seen.
    played = games({("a", "b"): 20, ("b", "c"): 10, ("c", "b"): 10})
    pair = choose_pair(played, cells, random.Random(1))
    assert pair is not None
    assert "d" in (pair.a, pair.b)
    assert pair.pictures == ((cells[pair.a]["prompt"], cells[pair.b]["prompt"]),)


def test_sides_are_drawn_by_lot() -> None:
    cells = {"a": {0: 0}, "b": {0: 1}}
    pairs = [choose_pair([], cells, random.Random(seed)) for seed in range(40)]
    first = [pair.a for pair in pairs if pair]
    assert 8 < first.count("a") < 32


def test_without_comparable_pictures_there_is_no_pair() -> None:
    assert choose_pair([], {"a": {"one prompt": 0}, "b": {"another": 1}}, random.Random(1)) is None
    assert choose_pair([], {}, random.Random(1)) is None


def test_every_checkpoint_gets_its_turn() -> None:
    names = [f"c{number}" for number in range(12)]
    cells = {name: {0: number} for number, name in enumerate(names)}
    chooser, played = random.Random(3), []
    for _ in range(60):
        pair = choose_pair(played, cells, chooser)
        assert pair is not None
        better = max(pair.a, pair.b, key=lambda name: (chooser.random() < 0.15, int(name[1:])))
        played.append(Game(pair.a, pair.b, float(better == pair.a)))
    seen = {name for game in played for name in (game.first, game.second)}
    assert seen == set(names)
    order = [row.id for row in rank(played)]
    assert {"c11", "c10"} & set(order[:4])
    assert {"c0", "c1"} & set(order[-4:])
