from __future__ import annotations

import json
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from train_tools.execution.curves import scalars


def write_events(folder: Path, *events: object) -> None:
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    (folder / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")


def step(number: int, loss: float) -> dict[str, object]:
    return {"event": "step", "step": number, "loss": loss, "average_loss": loss / 2, "lr": 1e-4}


def write_board(folder: Path, name: str, tag: str, values: dict[int, float]) -> Path:
    writer = EventFileWriter(str(folder / "logs" / name / "network_train"))
    for number, value in values.items():
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.add_event(Event(step=number, summary=summary))
    writer.close()
    (file,) = (folder / "logs" / name / "network_train").iterdir()
    return file


def test_the_packed_engines_events_are_curves(tmp_path: Path) -> None:
    write_events(
        tmp_path, {"event": "stage"}, step(1, 4), step(2, 2), {"event": "paused"}, step(2, 3), '{"ev'
    )
    assert scalars(tmp_path) == {
        "loss/current": ([1, 2], [4.0, 3.0]),
        "loss/average": ([1, 2], [2.0, 1.5]),
        "lr/unet": ([1, 2], [1e-4, 1e-4]),
    }


def test_no_training_has_no_curves(tmp_path: Path) -> None:
    assert scalars(tmp_path) == {}
    write_events(tmp_path, {"event": "stage"})
    assert scalars(tmp_path / "gone") == {}


def test_processes_of_one_run_are_one_curve(tmp_path: Path) -> None:
    tag = "loss/current"
    write_board(tmp_path, "id-from-00000000-20260101000000", tag, {1: 9, 2: 8, 3: 7, 4: 6, 5: 5})
    write_board(tmp_path, "id-from-00000003-20260101000100", tag, {1: 60})
    assert scalars(tmp_path)[tag] == ([1, 2, 3, 4], [9, 8, 7, 60])
    write_board(tmp_path, "id-from-00000003-20260101000200", tag, {1: 61, 2: 51})
    assert scalars(tmp_path)[tag] == ([1, 2, 3, 4, 5], [9, 8, 7, 61, 51])
    write_board(tmp_path, "id-from-00000003-20260101000300", tag, {1: 62})
    assert scalars(tmp_path)[tag] == ([1, 2, 3, 4], [9, 8, 7, 62])


def test_a_value_of_an_epoch_stands_at_its_number(tmp_path: Path) -> None:
    write_board(tmp_path, "id-from-00000006-20260101000000", "loss/epoch_average", {2: 0.5, 3: 0.25})
    assert scalars(tmp_path)["loss/epoch_average"] == ([2, 3], [0.5, 0.25])


def test_a_file_that_was_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    file = write_board(tmp_path, "id-from-00000000-20260101000000", "loss/current", {1: 9, 2: 8})
    file.write_bytes(file.read_bytes()[:-5])
    assert scalars(tmp_path)["loss/current"] == ([1], [9])


def test_a_log_of_another_program_is_read_too(tmp_path: Path) -> None:
    write_board(tmp_path, "20260101000000", "loss/current", {1: 9})
    assert scalars(tmp_path)["loss/current"] == ([1], [9])
