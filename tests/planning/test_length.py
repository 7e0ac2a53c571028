"""How long is trained, where a person says steps. The dataset takes 6 steps an epoch."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings

from train_tools.engines.registry import PackedEngine
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_for(version: Version, **changes: str) -> Plan:
    return make_plan(version, {**settings(version.root), "max_train_epochs": "", **changes})


def said(plan: Plan) -> dict[str, str]:
    return {f.id: f.sentence for f in plan.findings if f.id.startswith("steps-")}


@pytest.mark.parametrize(("steps", "epochs"), [("60", 10), ("6", 1), ("1", 1), ("61", 11), ("1500", 250)])
def test_steps_alone_count(version: Version, steps: str, epochs: int) -> None:
    for more in ({}, {"max_train_epochs": "none"}):
        plan = plan_for(version, max_train_steps=steps, save_every_n_epochs="5", **more)
        (run,) = plan.runs
        assert (run.engine, run.steps, run.epochs) == ("packed", int(steps), epochs)
        is_whole = int(steps) % 6 == 0
        assert run.arguments.get("max_train_epochs") == (epochs if is_whole else None)
        assert run.arguments.get("max_train_steps") == (None if is_whole else int(steps))
        assert f"-ep-{epochs if is_whole else 'none'}-" in run.name
        assert (f"-st-{steps}" in run.name) == (not is_whole)
        assert len(run.checkpoints) == -(-epochs // 5)
        assert said(plan) == {}


@pytest.mark.parametrize(("steps", "epochs"), [("60", 10), ("1", 1), ("61", 11)])
def test_an_engine_whose_states_are_epochs_trains_whole_ones_and_it_is_said(
    version: Version, steps: str, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PackedEngine, "counts_steps", False)
    plan = plan_for(version, max_train_steps=steps)
    assert (plan.runs[0].steps, plan.runs[0].arguments["max_train_epochs"]) == (6 * epochs, epochs)
    assert ("steps-in-epochs" in said(plan)) == (6 * epochs != int(steps))


def test_steps_beside_epochs_do_nothing_and_it_is_said(version: Version) -> None:
    plan = plan_for(version, max_train_steps="1500", max_train_epochs="3")
    assert plan.runs[0].steps == 18
    assert "max_train_steps 1500 does nothing beside max_train_epochs 3" in said(plan)["steps-ignored"]
    assert said(plan_for(version, max_train_epochs="3")) == {}


def test_neither_is_our_ten_epochs_and_none_sd_scripts_steps(version: Version) -> None:
    assert plan_for(version).runs[0].steps == 60
    assert plan_for(version, max_train_epochs="none").runs[0].steps == 1600


def test_steps_as_an_axis(version: Version) -> None:
    plan = plan_for(version, max_train_steps="60,120")
    assert [run.steps for run in plan.runs] == [60, 120]


def test_who_overrides_steps_means_them(version: Version) -> None:
    plan = plan_for(version, network_dim="4,8", overrides="network_dim=8 -> max_train_steps=12")
    assert [run.steps for run in plan.runs] == [60, 12]


def test_the_same_length_is_the_same_run(version: Version) -> None:
    by_steps, by_epochs = plan_for(version, max_train_steps="60"), plan_for(version, max_train_epochs="10")
    assert by_steps.runs[0].digest == by_epochs.runs[0].digest
