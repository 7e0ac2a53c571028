from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import STEPS, FakeEngine, make_version, settings

from train_tools.engines import registry
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution import run_record, supervise
from train_tools.execution.runs import list_runs
from train_tools.execution.train import RunResult, train
from train_tools.planning.plan import Plan, PlannedRun, make_plan
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    use_engine(monkeypatch, tmp_path)
    monkeypatch.setattr(supervise, "POLL_S", 0.02)
    return make_version(tmp_path)


def use_engine(monkeypatch: pytest.MonkeyPatch, folder: Path, apart: str | None = None) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(folder, apart))


def plan_for(version: Version, tmp_path: Path, **changes: str) -> Plan:
    return make_plan(version, settings(tmp_path, **changes))


def train_quietly(version: Version, plan: Plan) -> list[RunResult]:
    return train(version, plan, lambda run, event: None)


def test_a_grid_is_trained_and_every_run_has_its_own_files(version: Version, tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    def report(run: PlannedRun, event: Mapping[str, Any]) -> None:
        heard.append((run.run_id, event["event"]))

    plan = plan_for(version, tmp_path, optimizer_type="Lion,AdamW")
    results = train(version, plan, report)
    assert [r.state for r in results] == ["finished", "finished"]
    names = [path.name for r in results for path in r.checkpoints]
    assert len(set(names)) == 4
    for run in plan.runs:
        assert [e for i, e in heard if i == run.run_id].count("step") == STEPS
        assert "fake engine on 2 runs" in (version.trains / run.name / "train.log").read_text()
    assert [view.state for view in list_runs(version)] == ["finished", "finished"]
    assert {view.step for view in list_runs(version)} == {STEPS}


def test_training_the_same_plan_again_trains_nothing(version: Version, tmp_path: Path) -> None:
    train_quietly(version, plan_for(version, tmp_path))
    again = plan_for(version, tmp_path)
    assert [run.state for run in again.runs] == ["finished"]
    assert train_quietly(version, again) == []


def test_a_finished_run_without_its_result_is_trained_again(version: Version, tmp_path: Path) -> None:
    (first,) = train_quietly(version, plan_for(version, tmp_path))
    first.checkpoints[-1].unlink()
    assert plan_for(version, tmp_path).runs[0].is_to_train


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        ("nan", "aren't finite in 1 of 1 tensors"),
        ("truncated", "no whole safetensors file"),
        ("no files", "is missing"),
        ("silent", "code 0 before the run was finished; its last lines: .*No data found"),
        ("other steps", r"says 13 for its steps \(ss_steps\), planned were 12"),
        ("says failed", "the loss is nan at step 5"),
        pytest.param(
            "killed", "before the run was finished; .*about to die",
            marks=pytest.mark.skipif(os.name == "nt", reason="no SIGKILL"),
        ),
    ],
)  # fmt: skip
def test_an_engine_that_claims_or_loses_a_run_isnt_believed(
    version: Version, tmp_path: Path, mood: str, error: str
) -> None:
    (result,) = train_quietly(version, plan_for(version, tmp_path, training_comment=mood))
    assert result.state == "failed"
    (view,) = list_runs(version)
    assert view.state == "failed"
    with pytest.raises(AssertionError, match=error):
        raise AssertionError(view.error)


def test_a_failed_run_stops_neither_its_pack_nor_the_next(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_engine(monkeypatch, tmp_path, apart="training_comment")
    plan = plan_for(version, tmp_path, training_comment="silent; nan; well", learning_rate="1e-4,2e-4")
    assert [len(pack) for pack in plan.packs] == [2, 2, 2]
    states = [r.state for r in train_quietly(version, plan)]
    assert states == ["failed"] * 4 + ["finished"] * 2


def test_pack_size_limits_how_many_share_a_process(version: Version, tmp_path: Path) -> None:
    plan = plan_for(version, tmp_path, seed="1-5", pack_size="2")
    assert [len(pack) for pack in plan.packs] == [2, 2, 1]
    results = train_quietly(version, plan)
    assert [r.state for r in results] == ["finished"] * 5
    assert "fake engine on 1 runs" in (results[-1].folder / "train.log").read_text()


def test_a_new_attempt_keeps_the_earlier_ones_files(version: Version, tmp_path: Path) -> None:
    (failed,) = train_quietly(version, plan_for(version, tmp_path, training_comment="nan"))
    old = {path.name: path.read_bytes() for path in failed.checkpoints}
    script = tmp_path / "fake_engine_script.py"
    script.write_text(script.read_text().replace('mood == "nan"', "False"))
    (result,) = train_quietly(version, plan_for(version, tmp_path, training_comment="nan"))
    assert (result.state, result.folder) == ("finished", failed.folder)
    kept = result.folder / "attempts" / "1"
    assert {name: (kept / name).read_bytes() for name in old} == old
    assert json.loads((kept / "run.json").read_text())["state"] == "failed"
    assert list_runs(version)[0].attempt == 2


def test_other_settings_under_a_taken_name_get_a_new_one(version: Version, tmp_path: Path) -> None:
    name = plan_for(version, tmp_path).runs[0].name
    (version.trains / name).mkdir()
    (version.trains / name / "p-v1.safetensors").write_bytes(b"of the predecessor")
    plan = plan_for(version, tmp_path)
    assert plan.runs[0].name == f"{name}-{plan.runs[0].run_id}"
    train_quietly(version, plan)
    views = {view.name: view for view in list_runs(version)}
    assert views[name].state == "unrecorded"
    assert [path.name for path in views[name].checkpoints] == ["p-v1.safetensors"]
    assert plan_for(version, tmp_path).runs[0].name == plan.runs[0].name


def test_a_changed_dataset_is_another_run(version: Version, tmp_path: Path) -> None:
    (first,) = train_quietly(version, plan_for(version, tmp_path))
    (version.processed / "3_zorb" / "00000-0-a.txt").write_text("a zorb")
    (second,) = train_quietly(version, plan_for(version, tmp_path))
    assert second.folder != first.folder
    assert {p.name for p in first.checkpoints}.isdisjoint(p.name for p in second.checkpoints)
    assert all(path.is_file() for path in first.checkpoints)


def test_stopping_ends_the_engine_and_keeps_what_was_finished(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_engine(monkeypatch, tmp_path, apart="training_comment")
    plan = plan_for(version, tmp_path, training_comment="well; hang; later")
    pids = []

    def report(run: PlannedRun, event: Mapping[str, Any]) -> None:
        if run.arguments["training_comment"] == "hang":
            pids.append(json.loads((version.trains / run.name / "run.json").read_text())["pid"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(version, plan, report)
    states = {run.arguments["training_comment"]: run.state for run in plan_for(
        version, tmp_path, training_comment="well; hang; later").runs}  # fmt: skip
    assert states == {"well": "finished", "hang": "cancelled", "later": "cancelled"}
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_run_whose_process_is_gone_is_interrupted(version: Version, tmp_path: Path) -> None:
    (result,) = train_quietly(version, plan_for(version, tmp_path))
    record = json.loads((result.folder / "run.json").read_text())
    # The id of a living process that started at another time.
    record.update(state="running", pid=os.getpid(), process_started=1000.0)
    (result.folder / "run.json").write_text(json.dumps(record))
    assert list_runs(version)[0].state == "interrupted"
    assert plan_for(version, tmp_path).runs[0].is_to_train


def test_a_run_that_another_process_trains_is_left_alone(version: Version, tmp_path: Path) -> None:
    plan = plan_for(version, tmp_path, training_comment="slow")
    thread = threading.Thread(target=train_quietly, args=(version, plan))
    thread.start()
    try:
        deadline = time.monotonic() + 120
        while not any(view.step for view in list_runs(version)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert plan_for(version, tmp_path, training_comment="slow").runs[0].state == "running"
        with pytest.raises(TrainToolsError, match="is being trained by process"):
            run_record.prepare(version.trains / plan.runs[0].name, plan.runs[0])
    finally:
        thread.join()
    assert list_runs(version)[0].state == "finished"


def test_an_unsupported_run_is_refused_with_its_reason_before_anything_starts(
    version: Version, tmp_path: Path
) -> None:
    plan = plan_for(version, tmp_path, lr_scheduler="cosine,polynomial", engine="packed")
    assert [run.reasons for run in plan.runs] == [(), ("lr_scheduler polynomial is not known",)]
    with pytest.raises(UsageError, match="polynomial is not known"):
        train_quietly(version, plan)
    assert list_runs(version) == []


def test_later_plans_know_how_long_a_step_took(version: Version, tmp_path: Path) -> None:
    assert any(
        finding.id == "time-guessed"
        for finding in plan_for(version, tmp_path, training_comment="slow").findings
    )
    train_quietly(version, plan_for(version, tmp_path, training_comment="slow"))
    plan = plan_for(version, tmp_path, training_comment="slow too")
    assert not any(finding.id == "time-guessed" for finding in plan.findings)
    assert STEPS * 0.05 <= plan.runs[0].seconds < 4


def test_an_engine_that_cant_start_is_a_failed_run(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "command", lambda self, folders: [str(tmp_path / "no such program")])
    (result,) = train_quietly(version, plan_for(version, tmp_path))
    assert result.state == "failed"
    assert "can't be started" in str(result.error)


def test_a_finished_run_is_trained_again_only_when_asked(version: Version, tmp_path: Path) -> None:
    first = train(version, plan_for(version, tmp_path), lambda *_: None)
    assert train(version, plan_for(version, tmp_path), lambda *_: None) == []
    plan = make_plan(version, settings(tmp_path), again=True)
    assert [run.state for run in plan.runs] == ["again"]
    second = train(version, plan, lambda *_: None)
    assert [r.state for r in (*first, *second)] == ["finished", "finished"]
    assert second[0].folder == first[0].folder
    kept = second[0].folder / "attempts" / "1" / second[0].checkpoints[0].name
    assert kept.is_file()


def test_settings_that_would_fail_are_refused_before_anything_starts(
    version: Version, tmp_path: Path
) -> None:
    plan = plan_for(version, tmp_path, lr_scheduler="constant", lr_warmup_steps="10")
    with pytest.raises(UsageError, match="would fail: lr_warmup_steps can't go with lr_scheduler"):
        train(version, plan, lambda *_: None)
    assert not list(version.trains.iterdir())
