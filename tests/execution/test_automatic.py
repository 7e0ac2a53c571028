"""Previews that the worker queues by itself, when and where the version asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench
from execution.fake_engine import FakeEngine

from train_tools.engines import registry
from train_tools.execution import automatic, worker
from train_tools.execution.queue import Entry
from train_tools.execution.ticket import PREVIEW
from train_tools.workspace import settings

# In place of the rendering: what the job was asked for.
JOB = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with (folder / "events.jsonl").open("a") as file:
    file.write(json.dumps({"event": "finished", "time": 0}) + chr(10))
"""


@pytest.fixture(autouse=True)
def no_rendering(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    script = bench.root / "job.py"
    script.write_text(JOB, encoding="utf-8")
    monkeypatch.setattr(
        worker.JobEngine, "command", lambda _, folders: [worker.sys.executable, str(script), str(folders[0])]
    )
    # One run at a time, so that there is a between.
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root, apart="seed"))


def ask(bench: Bench, **changes: str) -> None:
    settings.update(bench.version, "preview", changes)


def previews(bench: Bench, lane: str = "gpu") -> list[Entry]:
    return [entry for entry in bench.queue.entries(lane) if entry.ticket.kind == PREVIEW]


def order(bench: Bench) -> list[str]:
    """Kinds in the order in which they ended."""
    entries = [entry for entry in bench.queue.entries() if entry.record and entry.record.ended]
    entries.sort(key=lambda entry: (entry.record.ended if entry.record else 0) or 0)
    return [entry.ticket.kind for entry in entries]


def test_nothing_is_queued_unasked(bench: Bench) -> None:
    bench.add(seed="1")
    bench.work()
    assert previews(bench) == []


def test_after_each_run_before_the_next(bench: Bench) -> None:
    ask(bench, automatic="run")
    bench.add(seed="1,2")
    bench.work()
    assert order(bench) == ["train", "preview", "train", "preview"]
    runs = [entry.folder.name for entry in bench.queue.entries() if entry.ticket.kind == "train"]
    assert {entry.ticket.settings["runs"] for entry in previews(bench)} == set(runs)
    assert all(entry.state == "finished" for entry in previews(bench))


def test_after_the_batch_of_all_runs(bench: Bench) -> None:
    ask(bench, automatic="batch")
    bench.add(seed="1-3")
    bench.work()
    assert order(bench) == ["train", "train", "train", "preview"]
    assert previews(bench)[0].ticket.settings == {}


def test_a_run_that_fails_is_not_rendered_and_ends_no_batch_early(bench: Bench) -> None:
    ask(bench, automatic="run")
    bench.add(training_comment="nan", seed="1")
    bench.add(seed="2")
    bench.work()
    assert order(bench) == ["train", "train", "preview"]


def test_at_each_checkpoint_one_preview_takes_all_in_that_come_while_it_waits(bench: Bench) -> None:
    ask(bench, automatic="checkpoint")
    bench.add(seed="1")
    bench.work()
    (preview,) = previews(bench)  # two checkpoints
    assert order(bench) == ["train", "preview"]
    (train,) = [entry for entry in bench.queue.entries() if entry.ticket.kind == "train"]
    assert preview.ticket.settings == {"runs": train.folder.name}


def test_a_pack_of_runs_is_one_preview(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(bench.root))
    ask(bench, automatic="run")
    bench.add(seed="1,2")
    bench.work()
    (preview,) = previews(bench)
    assert len(preview.ticket.settings["runs"].split(",")) == 2


def test_in_a_lane_of_its_own_it_has_a_worker_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Path, str]] = []
    made = automatic.AutomaticPreviews(
        bench.queue, pytest.fail, lambda root, lane: started.append((root, lane)) is None
    )
    monkeypatch.setattr(worker, "AutomaticPreviews", lambda *_: made)
    ask(bench, automatic="checkpoint", automatic_lane="second")
    bench.add(seed="1")
    bench.work()
    assert previews(bench) == []
    assert len(previews(bench, "second")) == 1
    assert set(started) == {(bench.root, "second")}


def test_trouble_with_previews_stops_no_training(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.add(seed="1")
    bench.version.settings_file.write_text("[preview\n", encoding="utf-8")
    bench.work()
    assert bench.states() == {1: "finished"}
    assert "no preview is queued" in capsys.readouterr().out


def said(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_job_says_why_it_is_there(bench: Bench) -> None:
    ask(bench, automatic="run")
    bench.add(seed="1")
    bench.work()
    (preview,) = previews(bench)
    assert any(event.get("text") == automatic.NOTE for event in said(preview.folder))
