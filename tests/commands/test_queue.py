from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from execution import worker_process
from execution.fake_engine import STEPS, FakeEngine, make_version, set_options

from train_tools import cli
from train_tools.commands import queue, queue_watch
from train_tools.engines import registry
from train_tools.errors import UsageError
from train_tools.execution import lane
from train_tools.execution.supervise import environment
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, worker_process.__file__, str(tmp_path)))
    monkeypatch.setattr(queue_watch, "POLL_S", 0.02)
    return make_version(tmp_path)


@pytest.fixture
def root(version: Version, tmp_path: Path) -> Path:
    return tmp_path


def command(root: Path, *words: str) -> int:
    return cli.main(["queue", *words, "--root", str(root)])


def answer(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert command(root, *words, "--json") in (0, 1)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def add(root: Path, **changes: str) -> int:
    return command(root, "add", "p", "v1", *set_options(root, **changes))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_person_queues_a_grid_and_watches_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(root, optimizer_type="Lion,AdamW", training_comment="slow") == 0
    assert "2 run(s) queued, 0 not needed" in capsys.readouterr().out
    assert command(root, "watch") == 0
    out = capsys.readouterr().out
    assert "nothing is left to do" in out
    assert f"step {STEPS}/{STEPS}" in out
    document = answer(capsys, root, "list")
    assert [(e["id"], e["state"], e["step"]) for e in document["entries"]] == [
        (1, "finished", STEPS), (2, "finished", STEPS),
    ]  # fmt: skip
    assert command(root, "list") == 0
    assert "finished" in capsys.readouterr().out
    until(lambda: not lane.has_worker(root))
    assert add(root) == 0
    assert "0 run(s) queued, 2 not needed" in capsys.readouterr().out


def test_adding_twice_queues_nothing_twice(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(root, "pause") == 0
    add(root, seed="1,2")
    add(root, seed="1-3")
    assert "1 run(s) queued, 2 not needed" in capsys.readouterr().out
    assert len(answer(capsys, root, "list")["entries"]) == 3


def test_what_will_be_trained_together_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(root, "pause") == 0
    add(root, seed="1-3", pack_size="2")
    add(root, seed="4,5", pack_size="2")
    told = [entry["together"] for entry in answer(capsys, root, "list")["entries"]]
    assert told == [{"pack": n, "packs": 2, "runs": 2} for n in (1, 1, 2, 2)] + [None]
    assert command(root, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "pack 2 of 2: 2 runs at once" in next(line for line in lines if line.startswith(" 4"))


def test_the_actions_on_what_waits(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def states() -> dict[int, str]:
        return {e["id"]: e["state"] for e in answer(capsys, root, "list")["entries"]}

    assert answer(capsys, root, "pause")["paused"]
    add(root, seed="1-4")
    assert list(states()) == [1, 2, 3, 4]
    for words in (("move", "4", "first"), ("move", "1", "3"), ("cancel", "2"), ("pause", "3")):
        assert command(root, *words) == 0
    assert states() == {4: "queued", 2: "cancelled", 1: "queued", 3: "paused"}
    assert command(root, "edit", "1", "--set", "network_dim=4") == 0
    assert "net-4" in answer(capsys, root, "list")["entries"][2]["name"]
    assert command(root, "not-before", "4", "2099-01-01T00:00") == 0
    capsys.readouterr()
    assert command(root, "list") == 0
    out = capsys.readouterr().out
    assert "queued until 2099-01-01 00:00" in out
    assert "the queue is paused; `queue resume` lets it go on" in out
    assert command(root, "not-before", "4", "any") == 0
    assert answer(capsys, root, "clear")["entries"][0]["id"] == 4
    assert answer(capsys, root, "shut-down")["shut_down"]
    assert not answer(capsys, root, "shut-down", "--off")["shut_down"]
    assert answer(capsys, root, "stop-after")["stop_after"]
    assert not answer(capsys, root, "stop-after", "--off")["stop_after"]
    assert command(root, "retry") == 0
    assert command(root, "resume", "3") == 0
    assert command(root, "resume") == 0
    assert command(root, "watch") == 0
    assert set(states().values()) == {"finished"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cancel", "7"), "there is no queue entry 7; look with `queue list`"),
        (("move", "1", "up"), "say first, last or an entry's number"),
        (("not-before", "1", "soon"), "'soon' is no time; say 22:30 or 2026-01-31T22:30"),
        (("edit", "1", "--set", "learning_rate=fast"), "learning_rate can't be fast"),
        (("add", "p", "v9"), "there is no version"),
        (("add", "p", "v1", "--set", "leaning_rate=1"), "did you mean learning_rate"),
        (("add", "p", "v1", "--kind", "preview", "--set", "stepps=1"), "unknown setting 'stepps'"),
        (("resume", "1"), "entry 1 is queued: nothing to resume"),
    ],
)
def test_wrong_use_is_explained(
    root: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    command(root, "pause")
    add(root)
    before = answer(capsys, root, "list")
    assert command(root, *words) == 2
    assert said in capsys.readouterr().err
    assert answer(capsys, root, "list") == before


def test_a_time_of_day_is_the_next_one() -> None:
    soon = (datetime.now() + timedelta(minutes=2)).strftime("%H:%M")
    past = (datetime.now() - timedelta(minutes=2)).strftime("%H:%M")
    assert 0 < queue.parse_time(soon) - time.time() < 130
    assert 23 * 3600 < queue.parse_time(past) - time.time() < 24 * 3600
    with pytest.raises(UsageError, match="is no time"):
        queue.parse_time("25:00")


def test_a_queued_job_that_fails_says_why(
    root: Path, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(root, "add", "p", "v1", "--kind", "preview") == 0
    assert command(root, "watch") == 1
    (entry,) = answer(capsys, root, "list")["entries"]
    assert (entry["kind"], entry["state"]) == ("preview", "failed")
    assert "has no checkpoint to preview" in entry["error"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_the_engine_ends_with_a_killed_foreground_training_and_is_resumed(
    root: Path, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    """`train`, killed with -9 in the middle; what it left isn't shown as running, and goes on."""
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from pathlib import Path; from execution.fake_engine import FakeEngine\n"
        "from train_tools.engines import registry; from train_tools import cli\n"
        "registry.ENGINES['packed'] = FakeEngine(Path(sys.argv.pop(1)))\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["train", "p", "v1", "--root", str(root), *set_options(root, training_comment="slow")]
    tests = str(Path(worker_process.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", code, tests, str(root), *words], env=environment(), stdout=subprocess.DEVNULL
    )
    until(lambda: any(version.trains.glob("*/state/state.json")))
    (record,) = [json.loads(path.read_text()) for path in version.trains.glob("*/run.json")]
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not Path(f"/proc/{record['pid']}").exists())
    assert cli.main(["runs", "p", "v1", "--root", str(root)]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "goes on from step" in out
    assert "finished" in out
