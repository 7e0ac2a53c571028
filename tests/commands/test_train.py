from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import STEPS, FakeEngine, make_version, set_options

from train_tools import cli
from train_tools.commands.train import event_text, progress
from train_tools.engines import registry
from train_tools.planning.plan import make_plan
from train_tools.workspace import settings
from train_tools.workspace.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    make_version(tmp_path)
    return tmp_path


def command(name: str, root: Path, *options: str) -> int:
    return cli.main([name, "p", "v1", "--root", str(root), *options])


def test_a_person_trains_a_grid(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("train", root, *set_options(root, optimizer_type="Lion,AdamW")) == 0
    out = capsys.readouterr().out
    for words in (
        "2 run(s), 2 to train in 1 pack(s): 24 steps, 4 checkpoints",
        "[1/2] optimizer_type Lion: step 1/12, epoch 1/2, loss 0.5000 (average 0.5000), 10.00 it/s, 1 s left",
        "[2/2] optimizer_type AdamW: step 12/12",
        "[2/2] optimizer_type AdamW: saved p-v1-",
    ):
        assert words in out
    # What was set is kept, so the same command without it finds everything done.
    assert command("train", root) == 0
    out = capsys.readouterr().out
    assert out.count("finished, not trained again") == 2
    assert "nothing to train" in out


def test_zero_and_false_are_kept_as_they_were_pasted(root: Path) -> None:
    assert (
        command("train", root, *set_options(root), "--arguments=--max_grad_norm 0 --enable_bucket=false") == 0
    )
    saved = settings.read(Workspace(root).version("p", "v1"))["training"]
    assert (saved["max_grad_norm"], saved["enable_bucket"]) == (0, False)
    assert command("train", root, "--set", "max_grad_norm=") == 0
    assert "max_grad_norm" not in settings.read(Workspace(root).version("p", "v1"))["training"]


def test_a_failed_run_is_named_and_the_exit_code_says_so(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", root, *set_options(root, training_comment="nan; well"), "--json") == 1
    captured = capsys.readouterr()
    results = json.loads(captured.out)["results"]
    assert [r["state"] for r in results] == ["failed", "finished"]
    assert "aren't finite" in results[0]["error"]
    assert all(Path(path).is_file() for path in results[1]["checkpoints"])
    assert "failed: " in captured.err


def test_wrong_settings_arent_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("train", root, "--set", "learning_rate=fast") == 2
    captured = capsys.readouterr()
    assert captured.err == "train_tools: learning_rate can't be fast; allowed: a number of at least 0\n"
    assert settings.read(Workspace(root).version("p", "v1"))["training"] == {}


def test_a_run_that_no_engine_can_train_is_explained(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = set_options(root, lr_scheduler="polynomial")
    assert command("plan", root, *options) == 0
    assert "can't be trained yet" in capsys.readouterr().out
    assert command("train", root, *options) == 2
    assert "polynomial is not known" in capsys.readouterr().err
    assert settings.read(Workspace(root).version("p", "v1"))["training"] == {}


def test_steps_are_told_every_five_seconds_and_the_last_always(root: Path) -> None:
    words = set_options(root)[1::2]
    plan = make_plan(Workspace(root).version("p", "v1"), settings.parse_assignments(words))
    said: list[str] = []
    now = [0.0]
    report = progress(plan, said.append, clock=lambda: now[0])
    for step in range(1, STEPS + 1):
        report(plan.runs[0], {"event": "step", "step": step, "steps": STEPS})
        now[0] += 1
    assert [text.split("step ")[1].split("/")[0] for text in said] == ["1", "6", "11", "12"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            {
                "event": "step",
                "step": 1,
                "steps": 9,
                "epoch": 1,
                "epochs": 3,
                "loss": 1,
                "average_loss": 1,
                "rate": 0,
            },
            "step 1/9, epoch 1/3, loss 1.0000 (average 1.0000)",
        ),
        ({"event": "stage", "stage": "caching"}, "caching"),
        ({"event": "checkpoint", "file": "a.safetensors"}, "saved a.safetensors"),
        ({"event": "warning", "text": "slow"}, "warning: slow"),
        ({"event": "failed", "error": "nan"}, "failed: nan"),
        ({"event": "of a later version"}, ""),
    ],
)
def test_events_in_words(event: dict[str, Any], text: str) -> None:
    assert event_text(event) == text
