"""How many runs are trained at once: by what was measured on this machine, and what the plan says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import make_version, settings

from train_tools.planning.measured import (
    add_measurement,
    kind_of,
    measured_file,
    read_measured,
    seconds_per_step,
)
from train_tools.planning.memory_measured import add_failure, add_memory, known
from train_tools.planning.plan import Plan, make_plan
from train_tools.planning.timing import Clock
from train_tools.workspace.workspace import Version

GB = 10**9


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan(version: Version, runs: int = 8, **changes: str) -> Plan:
    return make_plan(version, settings(version.root, seed=f"1-{runs}", **changes))


def kind(version: Version) -> Any:
    return kind_of("packed", plan(version, 1).runs[0].arguments)


def took(version: Version, *samples: tuple[int, float], available: float = 8, steps: bool = False) -> None:
    """Packs of so many runs took so many GB, or seconds a step."""
    file = measured_file(version)
    for runs, size in samples:
        if steps:
            add_measurement(file, kind(version), {runs: size}, 5.0)
        else:
            event = {"runs": runs, "bytes": size * GB, "available": available * GB, "total": 8 * GB}
            add_memory(file, kind(version), [event], 0)


def sizes(found: Plan) -> list[int]:
    return [len(pack) for pack in found.packs]


def why(found: Plan) -> str:
    return found.facts[0].chosen.why


def test_before_anything_is_measured_eight_are_tried(version: Version) -> None:
    found = plan(version, 12)
    assert sizes(found) == [8, 4]
    assert "a guess until one is trained here; what doesn't fit waits" in why(found)
    assert not found.is_memory_measured


def test_as_many_as_fit_by_what_was_measured(version: Version) -> None:
    took(version, (1, 3.0), (2, 4.0))  # 2 GB, and 1 GB for each
    found = plan(version)
    assert sizes(found) == [5, 3]
    assert why(found).startswith("5 runs at once: 7.0 of 8.0 GB by what was measured here on 20")
    assert why(found).endswith("; 8 would take 10.0 GB")
    assert found.facts[0].memory_bytes == pytest.approx(7 * GB, rel=0.01)
    assert found.is_memory_measured


def test_one_size_alone_is_enough_to_begin_with(version: Version) -> None:
    took(version, (4, 7.9), available=8)
    assert max(sizes(plan(version))) <= 4


def test_more_than_eight_where_they_are_known_to_fit(version: Version) -> None:
    took(version, (1, 1.0), (8, 1.7))
    assert sizes(plan(version, 20)) == [16, 4]


def test_a_larger_rank_counts_with_what_it_takes(version: Version) -> None:
    took(version, (1, 7.0), (2, 7.001))
    small, large = (plan(version, network_dim=rank) for rank in ("4", "4096"))
    assert large.facts[0].memory_bytes > small.facts[0].memory_bytes


def test_what_ran_out_of_memory_is_not_tried_again(version: Version) -> None:
    add_failure(measured_file(version), kind(version), 8, [{"available": 8 * GB}])
    found = plan(version)
    assert sizes(found) == [4, 4]
    assert why(found) == "4 runs at once: 8 at once ran out of memory here"
    took(version, (4, 5.0), available=9)  # another program has ended since
    assert known(read_measured(measured_file(version)), kind(version)).too_many == 0  # type: ignore[union-attr]


def test_the_quicker_way_is_taken(version: Version) -> None:
    """Large batches: a step of two takes more than twice as long as one of one run."""
    took(version, (1, 1.0), (2, 2.2), (8, 9.0), steps=True)
    file = measured_file(version)
    data = json.loads(file.read_text())
    data[kind(version).key]["start"] = [0.0]
    file.write_text(json.dumps(data))
    found = plan(version)
    assert sizes(found) == [1] * 8
    assert why(found).startswith("one run after another: 8 at once would take 1.1")
    assert why(found).endswith("times as long, as measured here")


def test_where_packing_pays_all_that_fit_are_taken(version: Version) -> None:
    took(version, (1, 1.0), (8, 1.2), steps=True)
    took(version, (1, 1.0), (8, 1.7))
    found = plan(version)
    assert sizes(found) == [8]
    assert why(found).endswith(", and the quickest")


@pytest.mark.parametrize(("asked", "packs"), [("3", [3, 3, 2]), ("8", [8]), ("1", [1] * 8)])
def test_who_asks_for_a_number_gets_it(version: Version, asked: str, packs: list[int]) -> None:
    took(version, (1, 3.0), (2, 4.0))
    found = plan(version, pack_size=asked)
    assert sizes(found) == packs
    assert why(found) == ""


def test_a_step_between_two_sizes_lies_between(version: Version) -> None:
    took(version, (1, 1.0), (8, 2.4), steps=True)
    data = read_measured(measured_file(version))
    assert seconds_per_step(data, kind(version), 1) == 1.0
    assert seconds_per_step(data, kind(version), 4) == pytest.approx(1.6)


def test_who_has_fewer_steps_leaves_and_the_others_go_on_quicker(version: Version) -> None:
    took(version, (1, 1.0), (2, 1.5), steps=True)
    clock = Clock(read_measured(measured_file(version)), lambda _base: None)  # type: ignore[arg-type, return-value]
    arguments = plan(version, 1).runs[0].arguments
    shares = clock.shares("packed", [(arguments, 10), (arguments, 30)])
    assert sum(shares) == pytest.approx(5 + 10 * 1.5 + 20 * 1.0)
    assert shares[1] - shares[0] == pytest.approx(20)


def test_a_damaged_file_is_no_measurement(version: Version) -> None:
    key = kind(version).key
    measured_file(version).write_text(json.dumps({key: {"memory": {"runs": {"x": "y"}}}, "other": 3}))
    assert sizes(plan(version)) == [8]
