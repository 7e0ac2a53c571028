"""The board: axes found by themselves, tables with one picture a place, and 32,000 pictures in a moment."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from compare.samples import add_run, cell

from train_tools.compare.board import Board, make_board
from train_tools.compare.checkpoints import Checkpoint, Run, checkpoint_named, find_checkpoints
from train_tools.compare.marks import CHECKPOINT, Mark, Target
from train_tools.compare.payload import board_document, table_document
from train_tools.compare.table import EMPTY, Layout, lay_out
from train_tools.errors import UsageError
from train_tools.preview.index import CellEntry
from train_tools.workspace.workspace import Version


def board_of(runs: int = 3, epochs: int = 4, prompts: int = 2, weights: int = 2) -> Board:
    """Learning rates of 1, 2 … × 1e-4; every second run has another rank."""
    made, checkpoints, cells = [], [], []
    for r in range(runs):
        name = f"run-{r:03d}"
        made.append(
            Run(name, {"learning_rate": (r + 1) * 1e-4, "network_dim": 8 * (1 + r % 2), "output_name": name})
        )
        for e in range(1, epochs + 1):
            checkpoints.append(
                Checkpoint(name, f"{name}-{e:06d}.safetensors", f"{r:08x}{e:08x}", e, 10 * e, 99)
            )
            cells += [
                cell(name, checkpoints[-1].file, e, f"prompt {p}", w / (weights - 1), f"{r:04x}{e:04x}{p:04x}{w:04x}")
                for p in range(prompts) for w in range(weights)
            ]  # fmt: skip
    return make_board(made, checkpoints, cells)


def test_axes_are_what_differs() -> None:
    board = board_of()
    assert {axis.name: (axis.kind, len(axis.values)) for axis in board.axes} == {
        "learning_rate": ("training", 3), "network_dim": ("training", 2), "run": ("checkpoint", 3),
        "epoch": ("checkpoint", 4), "prompt": ("picture", 2), "weight": ("picture", 2),
    }  # fmt: skip
    assert (board.common["steps"], board.common["sampler"]) == (20, "Euler")
    assert not set(board.common) & {axis.name for axis in board.axes}
    weight = board.axis("weight")
    assert weight is not None
    assert weight.values == (0.0, 1.0)


def test_the_usual_table_has_a_place_for_every_picture() -> None:
    board = board_of()
    table = lay_out(board, Layout())
    assert table.columns == ("epoch", "weight")
    assert table.rows == ("run", "prompt")
    assert (len(table.row_keys), len(table.column_keys)) == (6, 8)
    assert sorted(table.grid) == list(range(len(board.cells)))
    assert (table.shown, table.hidden) == (48, 0)


@pytest.mark.parametrize(
    "rows", [("learning_rate",), ("epoch", "run"), ("prompt",), ("weight", "network_dim")]
)
@pytest.mark.parametrize("columns", [(), ("epoch",), ("network_dim", "weight")])
def test_any_axis_may_be_rows_or_columns(rows: tuple[str, ...], columns: tuple[str, ...]) -> None:
    if set(rows) & set(columns):
        return
    board = board_of()
    table = lay_out(board, Layout(rows=rows, columns=columns))
    assert table.rows[: len(rows)] == rows
    assert table.columns[: len(columns)] == columns
    axes = {axis.name: axis for axis in board.axes}
    for place, number in enumerate(table.grid):
        if number == EMPTY:
            continue
        row, column = divmod(place, len(table.column_keys))
        for names, key in ((table.rows, table.row_keys[row]), (table.columns, table.column_keys[column])):
            for name, value in zip(names, key, strict=True):
                assert axes[name].column[number] == value
    assert table.shown == len(board.cells)
    assert table.hidden == 0


def test_filters_keep_what_they_name() -> None:
    board = board_of()
    table = lay_out(
        board, Layout(rows=("run",), columns=("epoch",), where={"prompt": ["prompt 1"], "weight": [1.0]})
    )
    assert table.shown == 12
    assert all((board.cells[n].prompt, board.cells[n].weight) == ("prompt 1", 1.0) for n in table.grid)
    one = lay_out(board, Layout(checkpoints=[5]))
    assert {board.owner[n] for n in one.grid} == {5}
    assert one.rows == ("prompt",)
    nothing = lay_out(board, Layout(where={"steps": [30]}))
    assert (nothing.shown, list(nothing.grid)) == (0, [])


def test_rows_are_sorted_by_a_number_of_their_checkpoints() -> None:
    board = board_of()
    scores = {number: float(c.run == "run-001") + c.epoch / 100 for number, c in enumerate(board.checkpoints)}
    del scores[0], scores[1], scores[2], scores[3]
    high = lay_out(board, Layout(rows=("run",), where={"prompt": ["prompt 0"], "weight": [1.0]}, sort=scores))
    assert [key[0] for key in high.row_keys] == [1, 2, 0]
    low = lay_out(
        board,
        Layout(
            rows=("run",), where={"prompt": ["prompt 0"], "weight": [1.0]}, sort=scores, lowest_first=True
        ),
    )
    assert [key[0] for key in low.row_keys] == [2, 1, 0]


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        (Layout(rows=("colour",)), "no axis 'colour'; there are: learning_rate"),
        (Layout(rows=("steps",)), "all pictures have the same steps"),
        (Layout(rows=("run",), columns=("run",)), "once"),
        (Layout(where={"colour": ["red"]}), "no axis 'colour'"),
    ],
)
def test_axes_that_are_not_there_are_refused(layout: Layout, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        lay_out(board_of(), layout)


def test_a_board_without_pictures_is_empty() -> None:
    board = make_board([], [], [])
    assert lay_out(board, Layout()).shown == 0
    assert board_document(board, {})["cells"]["keys"] == ""


def test_steps_tell_checkpoints_of_one_epoch_apart() -> None:
    checkpoints = [Checkpoint("r", f"r-step{n:08d}.safetensors", str(n), 1, n, 1) for n in (10, 20)]
    cells = [cell("r", c.file, 1, "p", 1.0, c.file) for c in checkpoints]
    assert [axis.name for axis in make_board([Run("r", {})], checkpoints, cells).axes] == ["step"]
    silent = [Checkpoint("r", f"{n}.pt", n, 0, 0, 1) for n in "ab"]
    cells = [cell("r", c.file, 0, "p", 1.0, c.file) for c in silent]
    assert [axis.name for axis in make_board([Run("r", {})], silent, cells).axes] == ["checkpoint"]


def test_32000_pictures_are_laid_out_and_packed_in_a_moment() -> None:
    board = board_of(runs=200, epochs=20, prompts=4, weights=2)
    assert len(board.cells) == 32_000
    marks = {(CHECKPOINT, board.checkpoints[7].id): Mark(Target(CHECKPOINT, "x"), "star", "this one")}
    table = lay_out(board, Layout())
    text = json.dumps(
        {"board": board_document(board, marks), "table": table_document(table)}, separators=(",", ":")
    )
    assert table.shown == 32_000
    assert len(text) < 1_600_000
    assert len(gzip.compress(text.encode(), 5)) < 400_000
    document = json.loads(text)["board"]
    assert document["checkpoints"]["mark"][7] == "star"
    assert document["checkpoints"]["note"] == {"7": "this one"}
    length = document["cells"]["key_length"]
    short = document["cells"]["keys"][length * 31_999 :]
    assert board.cell_with(short) == board.cell_with(board.cells[-1].key) == board.cells[-1]


def test_checkpoints_are_read_once_and_anew_when_they_change(version: Version) -> None:
    (path, *_) = add_run(version, "one")
    before = find_checkpoints(version)
    assert [(c.epoch, c.step) for c in before] == [(1, 10), (2, 20), (3, 30)]
    assert find_checkpoints(version) == before
    path.write_bytes(path.read_bytes()[:-5])
    after = find_checkpoints(version)
    assert "no whole safetensors file" in after[0].fault
    assert after[1:] == before[1:]
    (version.folder / "previews" / ".cache" / "checkpoints.json").write_text("[1]", encoding="utf-8")
    assert find_checkpoints(version) == after


def test_a_checkpoint_is_found_by_its_names(version: Version) -> None:
    add_run(version, "one")
    other: Path = add_run(version, "two")[0]
    found = find_checkpoints(version)
    wanted = next(c for c in found if c.file == other.name)
    for name in (wanted.name, wanted.id, wanted.file, other.stem):
        assert checkpoint_named(found, name) == wanted
    with pytest.raises(UsageError, match="there is no checkpoint 'three'"):
        checkpoint_named(found, "three")


def test_identity_survives_a_rename_of_the_run(version: Version) -> None:
    add_run(version, "one")
    before = [c.id for c in find_checkpoints(version)]
    (version.trains / "one").rename(version.trains / "uno")
    assert [c.id for c in find_checkpoints(version)] == before


def test_short_keys_tell_pictures_apart_and_wrong_ones_are_refused() -> None:
    board = board_of()
    assert board.key_length == 16  # these keys differ at their ends
    one = board.cells[3]
    assert board.cell_with(one.key) == one
    for wrong in ("", "nothing", one.key[:9], f"{one.key}0"):
        with pytest.raises(UsageError, match="no picture"):
            board.cell_with(wrong)


def test_runs_are_called_by_what_tells_them_apart() -> None:
    assert board_of().run_labels["run-001"] == "learning_rate 0.0002 · network_dim 16"
    assert make_board([Run("alone", {})], [], []).run_labels == {"alone": "alone"}


def test_a_prompt_is_shown_as_it_was_rendered() -> None:
    def drawn(prompt: str, text: str, key: str) -> CellEntry:
        return replace(cell("run", "run.safetensors", 1, prompt, 1.0, key), text=text)

    cells = [
        drawn("{trigger}, a cat", "zorb, a cat", "aa"),
        drawn("{red|blue} hat", "red hat", "bb"),
        drawn("{red|blue} hat", "blue hat", "cc"),
        drawn("a dog", "a dog", "dd"),
    ]
    board = make_board([Run("run", {})], [Checkpoint("run", "run.safetensors", "00", 1, 1, 9)], cells)
    assert board_document(board, {})["prompts"] == {"{trigger}, a cat": "zorb, a cat"}


def test_runs_without_pictures_are_called_alike() -> None:
    """Those that are being trained, by as few arguments more as tell them from the others."""
    board = board_of()
    more = {
        "same": {"learning_rate": 2e-4, "network_dim": 16, "flip_aug": True},
        "other": {"learning_rate": 7e-4},
    }
    runs = [*board.runs, *(Run(name, arguments) for name, arguments in more.items()), Run("theirs", {})]
    labels = make_board(runs, board.checkpoints, board.cells).run_labels
    assert labels["run-001"] == "learning_rate 0.0002 · network_dim 16"
    assert labels["same"] == "learning_rate 0.0002 · network_dim 16 · flip_aug true"
    assert labels["other"] == "learning_rate 0.0007 · network_dim none"
    assert labels["theirs"] == "theirs"


def test_pictures_without_lora_are_told() -> None:
    """A star is their checkpoint's, whose picture they aren't."""
    board = board_of()
    bare = board_document(board, {})["cells"]["bare"]
    assert len(bare) == len(board.cells) // 2
    assert {board.cells[number].weight_unet for number in bare} == {0.0}


def test_runs_stand_in_the_order_of_what_they_were_trained_with() -> None:
    rates = {"a": 1e-3, "b": 1e-5, "c": 1e-4}
    runs = [Run(name, {"learning_rate": rate}) for name, rate in rates.items()]
    checkpoints = [Checkpoint(name, f"{name}.safetensors", name, 1, 1, 1) for name in rates]
    board = make_board(
        runs, checkpoints, [cell(c.run, c.file, 1, "p", 1.0, f"key of {c.run}") for c in checkpoints]
    )
    axis = board.axis("run")
    assert axis is not None
    assert axis.values == ("b", "c", "a")


def test_runs_before_and_after_a_change_of_the_data_look_different() -> None:
    days = (1_764_000_000.0, 1_764_100_000.0)
    runs = [
        Run(f"run-{n}", {"learning_rate": 1e-4}, "as it was" if n < 2 else "changed", days[n // 2])
        for n in range(4)
    ]
    checkpoints = [
        Checkpoint(run.name, f"{run.name}.safetensors", f"{n:016x}", 1, 9, 9) for n, run in enumerate(runs)
    ]
    cells = [cell(c.run, c.file, 1, "a cat", 1.0, c.id) for c in checkpoints]
    board = make_board(runs, checkpoints, cells)
    axis = board.axis("data")
    assert axis is not None
    assert [axis.values[n] for n in axis.column] == [axis.values[0]] * 2 + [axis.values[1]] * 2
    assert axis.values[0] < axis.values[1]  # the earlier first
    assert board.run_labels["run-0"] == f"data {axis.values[0]}"
    same = make_board(
        [Run(run.name, run.arguments, "the same", run.created) for run in runs], checkpoints, cells
    )
    assert same.axis("data") is None
