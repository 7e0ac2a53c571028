"""Linked axes, overrides and exclusions, as a person writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import make_version, settings

from train_tools.arguments.argument import row
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.grid import make_grid
from train_tools.planning.plan import Plan, make_plan
from train_tools.planning.rules import parse_exclusion, parse_override
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_for(version: Version, tmp_path: Path, **changes: str) -> Plan:
    return make_plan(version, settings(tmp_path, **changes))


def pairs(plan: Plan, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(run.arguments.get(name) for name in names) for run in plan.runs]


def test_linked_axes_go_side_by_side(version: Version, tmp_path: Path) -> None:
    plan = plan_for(
        version,
        tmp_path,
        optimizer_type="Lion,AdamW",
        network_dim="4,8",
        learning_rate="1e-4,1e-3",
        links="learning_rate+optimizer_type",
    )
    assert pairs(plan, "optimizer_type", "learning_rate", "network_dim") == [
        ("Lion", 1e-4, 4),
        ("Lion", 1e-4, 8),
        ("AdamW", 1e-3, 4),
        ("AdamW", 1e-3, 8),
    ]
    assert plan.axes["learning_rate"] == (1e-4, 1e-3)


def test_a_linked_axis_may_hold_a_value_twice() -> None:
    grid = make_grid(
        {"optimizer_type": "Lion,AdamW,AdamW", "learning_rate": "1e-4,1e-4,1e-3"},
        ["optimizer_type+learning_rate"],
    )
    assert [tuple(c.values()) for c in grid.combinations()] == [
        ("Lion", 1e-4),
        ("AdamW", 1e-4),
        ("AdamW", 1e-3),
    ]
    assert grid.warnings == ()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("optimizer_type+learning_rate", "optimizer_type has 2, learning_rate has 3"),
        ("optimizer_type", "two or more"),
        ("optimizer_type+seed", "seed has no values"),
        ("optimizer_type+optimizer_type", "twice"),
        ("optimizer_typ+seed", "did you mean optimizer_type"),
    ],
)
def test_a_link_that_doesnt_fit_is_refused(link: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_grid({"optimizer_type": "Lion,AdamW", "learning_rate": "1e-4,2e-4,3e-4"}, [link])


def test_a_value_brings_its_own_settings(version: Version, tmp_path: Path) -> None:
    plan = plan_for(
        version,
        tmp_path,
        optimizer_type="Lion,Prodigy",
        learning_rate="1e-4,3e-4",
        overrides='optimizer_type=Prodigy -> learning_rate=1 optimizer_args="decouple=True weight_decay=0.01"',
    )
    # Prodigy's two combinations mean one run, which nobody needs to be told.
    assert pairs(plan, "optimizer_type", "learning_rate", "optimizer_args") == [
        ("Lion", 1e-4, None),
        ("Lion", 3e-4, None),
        ("Prodigy", 1.0, ["decouple=True", "weight_decay=0.01"]),
    ]
    assert not any(finding.id == "same-run" for finding in plan.findings)


def test_a_later_override_sees_what_an_earlier_one_made(version: Version, tmp_path: Path) -> None:
    plan = plan_for(
        version,
        tmp_path,
        network_dim="4",
        overrides="network_dim=4 -> network_alpha=3; network_alpha=3 -> learning_rate=0.002",
    )
    assert pairs(plan, "network_alpha", "learning_rate") == [(3.0, 0.002)]


def test_excluded_combinations_are_left_out(version: Version, tmp_path: Path) -> None:
    plan = plan_for(
        version,
        tmp_path,
        optimizer_type="Lion,AdamW",
        learning_rate="1e-4,1e-3,1e-2",
        exclude="optimizer_type=lion learning_rate>=1e-3; learning_rate>0.005",
    )
    assert pairs(plan, "optimizer_type", "learning_rate") == [
        ("Lion", 1e-4),
        ("AdamW", 1e-4),
        ("AdamW", 1e-3),
    ]
    with pytest.raises(UsageError, match="leaves no combination"):
        plan_for(version, tmp_path, exclude="learning_rate>0")


def test_defaults_count_in_conditions() -> None:
    rule = parse_exclusion("network_dim<32 optimizer_args=none")
    assert rule.holds({"network_dim": 16, "optimizer_args": None})
    assert not rule.holds({"network_dim": 32, "optimizer_args": None})
    assert not parse_exclusion("unet_lr<1").holds({"unet_lr": None})  # it isn't set


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optimizer_type=Prodigy", "say what is set"),
        ("optimizer_type=Prodigy -> ", "nothing on one side"),
        ("-> learning_rate=1", "nothing on one side"),
        ("optimizer_type=Prodigy -> learning_rate", "must be NAME=VALUE"),
        ("optimizer_type Prodigy -> learning_rate=1", "must be a condition"),
        ("optimizer_type=Prodgy -> learning_rate=1", "Prodgy"),
        ("optimizer_type>Prodigy -> learning_rate=1", "is no number"),
        ("optimiser=Prodigy -> learning_rate=1", "did you mean optimizer_"),
        ('optimizer_type="Prodigy -> learning_rate=1', "never closed"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_override(text)


def test_several_seeds(version: Version, tmp_path: Path) -> None:
    assert pairs(plan_for(version, tmp_path, seed="7", seeds="3"), "seed") == [(7,), (8,), (9,)]
    assert pairs(plan_for(version, tmp_path, seeds="2"), "seed") == [(42,), (43,)]
    with pytest.raises(UsageError, match="seed holds 2"):
        plan_for(version, tmp_path, seed="7,8", seeds="3")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1e-5..1e-3 log[5]", [1e-5, 3.162e-5, 1e-4, 3.162e-4, 1e-3]),
        ("1e-3..1e-5 LOG [3]", [1e-3, 1e-4, 1e-5]),
        ("0.1..0.5 (+0.2)", [0.1, 0.3, 0.5]),
        ("1e-4 .. 3e-4 [3]", [1e-4, 2e-4, 3e-4]),
        ("0.001..1 log[1]", [0.001]),
        ("0.001..1 log[2]", [0.001, 1]),
    ],
)
def test_ranges_in_ratios(text: str, values: list[float]) -> None:
    assert parse_values(row("learning_rate", "float", 0), text) == values


def test_ranks_in_ratios_are_whole() -> None:
    assert parse_values(row("network_dim", "int", 0), "4..128 log[6]") == [4, 8, 16, 32, 64, 128]
    with pytest.raises(UsageError, match="above 0"):
        parse_values(row("learning_rate", "float", 0), "0..1 log[3]")


def test_another_versions_images_are_an_axis(version: Version, tmp_path: Path) -> None:
    other = version.folder.parent / "v2 照片"
    (other / "dataset" / "processed").mkdir(parents=True)
    folder = other / "dataset" / "processed" / "9_zorb"
    (version.processed / "3_zorb").rename(folder)
    folder.rename(version.processed / "3_zorb")
    folder.mkdir()
    source = next((version.processed / "3_zorb").glob("*.png"))
    (folder / "a.png").write_bytes(source.read_bytes())
    plan = plan_for(version, tmp_path, dataset_version=f"{version.name},v2 照片", pack_size="8")
    first, second = plan.runs
    assert first.arguments["train_data_dir"] == str(version.processed.absolute())
    assert second.arguments["train_data_dir"] == str((other / "dataset" / "processed").absolute())
    assert first.images_seen != second.images_seen
    assert len({first.name, second.name}) == len({first.run_id, second.run_id}) == len(plan.packs) == 2
    assert "v2_照片" in second.name
    assert second.arguments["output_dir"].startswith(str(version.trains.absolute()))
    # The version's own images, named or not, are one run.
    assert plan_for(version, tmp_path).runs[0].run_id == first.run_id
    with pytest.raises(UsageError, match=r"no version of project .* called 'v9'"):
        plan_for(version, tmp_path, dataset_version="v9")
