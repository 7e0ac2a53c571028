"""Curves from events.jsonl as engines leave it, and TensorBoard's own event files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_tools.compare import tensorboard
from train_tools.compare.curves import MOST_POINTS, read_curves, smoothed
from train_tools.errors import UsageError
from train_tools.execution.curves import scalars
from train_tools.workspace.workspace import Version


def write_steps(version: Version, run: str, losses: list[float], first: int = 1) -> Path:
    folder = version.trains / run
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": 1.0, "event": "stage", "text": 'a "step" by name'}) + "\n")
        for number, loss in enumerate(losses, start=first):
            event = {
                "time": 100.0 + number,
                "event": "step",
                "step": number,
                "steps": 99,
                "epoch": 1,
                "loss": loss,
                "lr": 1e-4,
            }
            file.write(json.dumps(event) + "\n")
    return folder


def test_what_was_measured_on_held_back_images_is_a_curve_of_its_own(version: Version) -> None:
    folder = write_steps(version, "run", [1.0, 0.9, 0.8, 0.7])
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        for step, loss in (
            (2, 0.5),
            (4, 0.6),
            (4, 0.4),
        ):  # the last step was done again after an interruption
            event = {"time": 9.0, "event": "validation", "after": "epoch", "step": step, "loss": loss}
            file.write(json.dumps({**event, "divergence": loss - 1}) + "\n")
    (curves,) = read_curves(version)
    assert (curves.validation_steps, curves.validation) == ((2, 4), (0.5, 0.4))
    assert len(curves.steps) == 4
    found = scalars(folder)
    assert found["loss/validation/epoch_average"] == ([2, 4], [0.5, 0.4])
    assert found["loss/validation/epoch_divergence"][1] == [-0.5, -0.6]


def test_smoothing_is_tensorboards() -> None:
    # By hand: 0.5·0 + 0.5·4 = 2, / (1 - 0.5) = 4; 0.5·2 + 0.5·2 = 2, / 0.75 = 8/3; 0.5·2 + 0.5·8 = 5, / 0.875 = 40/7
    assert smoothed([4, 2, 8], 0.5) == pytest.approx([4, 8 / 3, 40 / 7])
    assert smoothed([4, None, 2], 0.5) == pytest.approx([4, None, 8 / 3])
    assert smoothed([3, 3, 3], 0.99) == [3, 3, 3]
    assert smoothed([1, 5], 0) == [1, 5]
    assert smoothed([], 0.9) == []


def test_runs_are_read_with_what_a_crash_left(version: Version) -> None:
    folder = write_steps(version, "one", [0.5, 0.4, 0.3])
    write_steps(version, "one", [0.41, 0.31, 0.2], first=2)  # resumed from step 1
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "step", "step": 5, "loss": NaN}\n{"event": "step", "step": 6, "lo')
    (version.trains / "empty").mkdir()
    (curves,) = read_curves(version, smoothing=0)
    assert curves.run == "one"
    assert curves.steps == (1, 2, 3, 4, 5)
    assert curves.loss == (0.5, 0.41, 0.31, 0.2, None)
    assert curves.learning_rate == (1e-4, 1e-4, 1e-4, 1e-4, None)


def test_long_runs_are_thinned_to_their_last_step(version: Version) -> None:
    write_steps(version, "long", [1 / n for n in range(1, 3502)])
    (curves,) = read_curves(version)
    assert len(curves.steps) <= MOST_POINTS
    assert curves.steps[-1] == 3501
    assert len(curves.loss) == len(curves.smooth) == len(curves.learning_rate) == len(curves.steps)


def test_wrong_asks_are_refused(version: Version) -> None:
    write_steps(version, "one", [1.0])
    with pytest.raises(UsageError, match="no run 'two'"):
        read_curves(version, ["two"])
    with pytest.raises(UsageError, match="below 1"):
        read_curves(version, smoothing=1.0)


def test_tensorboard_reads_what_was_written(version: Version) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def scalars(name: str) -> list[tuple[int, float]]:
        reader = EventAccumulator(str(version.folder / "previews/.cache/tensorboard" / name))
        reader.Reload()
        return [(e.step, round(e.value, 4)) for e in reader.Scalars("loss/current")]

    folder = write_steps(version, "one", [0.5, 0.4])
    tensorboard.write_events(version)
    assert scalars("one") == [(1, 0.5), (2, 0.4)]
    write_steps(version, "one", [0.3], first=3)
    tensorboard.write_events(version)
    tensorboard.write_events(version)
    assert scalars("one") == [(1, 0.5), (2, 0.4), (3, 0.3)]
    (folder / "events.jsonl").unlink()
    write_steps(version, "one", [0.9])
    tensorboard.write_events(version)
    assert scalars("one again 2") == [(1, 0.9)]


def test_tensorboard_is_started_once_and_stopped(version: Version) -> None:
    pytest.importorskip("tensorboard")
    write_steps(version, "one", [0.5, 0.4])
    board = tensorboard.start(version)
    try:
        tensorboard.wait(version, board)
        assert board.answers
        assert tensorboard.start(version) == board
    finally:
        assert tensorboard.stop(version)
    assert tensorboard.running(version) is None
    assert not tensorboard.stop(version)


def test_without_tensorboard_a_sentence_says_so(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "is_installed", lambda: False)
    with pytest.raises(UsageError, match="isn't installed"):
        tensorboard.start(version)
