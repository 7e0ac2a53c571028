"""Finished runs that go on for more epochs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.conftest import ALWAYS, Bench
from execution.fake_engine import STEPS, FakeEngine, write_safetensors

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.marks import CHECKPOINT, STAR, Target, set_mark
from train_tools.compare.service import starred_runs
from train_tools.errors import UsageError
from train_tools.execution.more import FILE, STATE, More, add_more
from train_tools.execution.runs import checkpoints_in
from train_tools.workspace import toml

EPOCH = STEPS // 2


@pytest.fixture
def finished(bench: Bench) -> list[Path]:
    bench.add(seed="1,2")
    bench.work()
    return [bench.entry(number).folder for number in (1, 2)]


def more(bench: Bench, *folders: Path, epochs: int = 1) -> list[More]:
    return add_more(bench.queue, bench.version, [folder.name for folder in folders], epochs, ALWAYS)


def test_a_run_goes_on_as_another_whose_line_begins_with_its_checkpoints(
    bench: Bench, finished: list[Path]
) -> None:
    before = {path.name: path.read_bytes() for path in finished[0].iterdir() if path.is_file()}
    (one,) = more(bench, finished[0])
    folder = bench.version.trains / one.name
    assert one.name == finished[0].name.replace("-ep-2-", "-ep-3-")
    assert (one.epochs, one.steps, one.way) == (3, STEPS + EPOCH, FILE)
    assert "from its file, and the optimizer begins anew" in one.note
    arguments = toml.load(folder / "run.toml")
    assert (arguments["max_train_epochs"], arguments["initial_epoch"], arguments["initial_step"]) == (
        3,
        3,
        STEPS,
    )
    assert Path(arguments["network_weights"]).parent == finished[0]
    name = arguments["output_name"]
    old = [path.name for path in checkpoints_in(finished[0])]
    assert [path.name for path in checkpoints_in(folder)] == [
        f"{name}-000001.safetensors",
        f"{name}-000002.safetensors",
    ]
    for path, mine in zip(checkpoints_in(finished[0]), checkpoints_in(folder), strict=True):
        assert path.samefile(mine)
    bench.work()
    assert bench.states()[3] == "finished"
    assert len(checkpoints_in(folder)) == len(old) + 1
    assert {path.name: path.read_bytes() for path in finished[0].iterdir() if path.is_file()} == before


def test_its_kept_state_is_preferred_and_told(bench: Bench, finished: list[Path]) -> None:
    record = json.loads((finished[0] / "run.json").read_text())
    (finished[0] / f"{record['output_name']}-state").mkdir()
    from_state, from_file = more(bench, *finished)
    assert (from_state.way, from_file.way) == (STATE, FILE)
    assert "resume" in from_state.arguments
    assert "network_weights" not in from_state.arguments
    assert "from the state that was kept" in from_state.note
    bench.work()
    log = (bench.version.trains / from_state.name / "train.log").read_text()
    assert "fake engine on 2 runs" in log
    said = (bench.version.trains / from_state.name / "events.jsonl").read_text()
    assert "from the state that was kept" in said


def test_the_same_more_isnt_made_twice_and_further_ones_go_on_from_it(
    bench: Bench, finished: list[Path]
) -> None:
    (one,) = more(bench, finished[0])
    bench.work()
    with pytest.raises(UsageError, match="went on to epoch 3 already"):
        more(bench, finished[0])
    (two,) = more(bench, bench.version.trains / one.name, epochs=2)
    assert (two.epochs, two.steps) == (5, STEPS + 3 * EPOCH)
    assert len(checkpoints_in(bench.version.trains / two.name)) == 3


def test_changed_images_are_told_and_counted(bench: Bench, finished: list[Path]) -> None:
    image = next(bench.version.processed.rglob("*.png"))
    image.with_name("9-0-b.png").write_bytes(image.read_bytes())
    (one,) = more(bench, finished[0])
    assert one.note.endswith("; its images or captions have changed since")
    assert one.steps == STEPS + -(-15 // 2)


def test_what_cant_go_on_is_said(bench: Bench, finished: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="has no run nobody"):
        add_more(bench.queue, bench.version, ["nobody"], 1, ALWAYS)
    with pytest.raises(UsageError, match="not 0"):
        more(bench, finished[0], epochs=0)
    with pytest.raises(UsageError, match="give their checkpoints a star"):
        more(bench)
    bench.add(seed="3")
    with pytest.raises(UsageError, match="is queued; only a finished run"):
        more(bench, bench.entry(3).folder)
    checkpoints_in(finished[1])[-1].unlink()
    with pytest.raises(UsageError, match=r"its last checkpoint .* is gone"):
        more(bench, *finished)
    assert len(bench.states()) == 3
    monkeypatch.setattr(FakeEngine, "can_let_go", False)
    with pytest.raises(UsageError, match="trained by packed, which counts anew"):
        more(bench, finished[0])


def test_the_starred_runs_alone(bench: Bench, finished: list[Path]) -> None:
    assert starred_runs(bench.version) == []
    file = checkpoints_in(finished[1])[0]
    write_safetensors(file, {"lora_unet_x.lora_up.weight": (4,)}, {"sshs_model_hash": "its content"})
    first = next(c for c in find_checkpoints(bench.version) if c.run == finished[1].name)
    set_mark(bench.version, Target(CHECKPOINT, first.id), STAR)
    assert starred_runs(bench.version) == [finished[1].name]
    (longer,) = add_more(bench.queue, bench.version, starred_runs(bench.version), 1, ALWAYS)
    # The checkpoint with the star is the longer run's, too, and that is the one to go on with.
    assert starred_runs(bench.version) == [longer.name]
