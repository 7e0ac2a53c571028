"""The board as a person asks for it, with marks, votes and scores beside it; the command line and the page ask here."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from train_tools.compare import history, payload
from train_tools.compare.advice import Advice, advise
from train_tools.compare.board import Board, read_board, stamp_of, value_text
from train_tools.compare.checkpoints import find_checkpoints, find_runs
from train_tools.compare.curves import NOTE, Curves
from train_tools.compare.marks import CHECKPOINT, REJECT, STAR, Mark, read_marks
from train_tools.compare.marks import FILE as MARKS_FILE
from train_tools.compare.place import PUBLISHED, previews
from train_tools.compare.ranking import Rank
from train_tools.compare.scores.document import FOLDER as SCORES
from train_tools.compare.scores.document import read_scores
from train_tools.compare.scores.measures import MEASURES
from train_tools.compare.scores.service import shown_by
from train_tools.compare.table import Layout, Table, lay_out
from train_tools.compare.votes import FILE as VOTES_FILE
from train_tools.compare.votes import choose_pair, games_of, ranking
from train_tools.errors import UsageError
from train_tools.execution.inherited import earlier_run
from train_tools.workspace.workspace import Version

BY_STAR, BY_VOTES = "star", "votes"
SORTS = (BY_STAR, BY_VOTES, *(measure.id for measure in MEASURES))
MOST_SHOWN = 8  # pictures of a pair


@dataclass(frozen=True)
class View:
    """`where` holds values as they are shown; `sort` is one of SORTS or empty."""

    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sort: str = ""
    starred: bool = False
    no_rejected: bool = False


@dataclass(frozen=True)
class Viewed:
    board: Board
    marks: Mapping[tuple[str, str], Mark]
    table: Table


def view_board(version: Version, view: View) -> Viewed:
    """Raises UsageError for an axis, a value or an order that there is not."""
    board, marks = read_board(version), read_marks(version)
    layout = Layout(
        rows=view.rows,
        columns=view.columns,
        where={name: _values(board, name, texts) for name, texts in view.where.items()},
        checkpoints=_chosen(board, marks, view),
        sort=_order(version, board, marks, view.sort) if view.sort else None,
    )
    return Viewed(board, marks, lay_out(board, layout))


def stamp(version: Version) -> str:
    """Changes whenever what `document` gives does."""
    told = [previews(version) / name for name in (MARKS_FILE, VOTES_FILE, PUBLISHED, SCORES)]
    changes = [stamp_of(version), *(path.stat().st_mtime_ns if path.exists() else 0 for path in told)]
    return hashlib.sha256(repr(changes).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def document(version: Version, viewed: Viewed) -> dict[str, Any]:
    """All that the page needs to draw the board."""
    return {
        "board": payload.board_document(viewed.board, viewed.marks),
        "table": payload.table_document(viewed.table),
        "scores": _score_columns(version, viewed.board),
        "published": _published(version, viewed.board),
    }


def _published(version: Version, board: Board) -> dict[int, list[str]]:
    """Under which names checkpoints were kept, by their numbers."""
    names: dict[str, list[str]] = {}
    for record in history.read(version, PUBLISHED):
        names.setdefault(str(record.get("checkpoint")), []).append(str(record.get("name")))
    return {number: names[c.id] for number, c in enumerate(board.checkpoints) if c.id in names}


def _values(board: Board, name: str, texts: Sequence[str]) -> list[Any]:
    axis = board.axis(name)
    known = axis.values if axis else [board.common[name]] if name in board.common else []
    by_text = {value_text(value): value for value in known}
    if unknown := [text for text in texts if text not in by_text]:
        # An axis that isn't there is told by the layout.
        there = ", ".join(by_text)
        if known:
            raise UsageError(f"{name} is never {unknown[0]!r}; there are: {there}")
    return [by_text.get(text) for text in texts]


def _chosen(board: Board, marks: Mapping[tuple[str, str], Mark], view: View) -> set[int] | None:
    if not (view.starred or view.no_rejected):
        return None
    mark_of = {number: _mark(marks, c.id) for number, c in enumerate(board.checkpoints)}
    return {
        number
        for number, mark in mark_of.items()
        if not (view.starred and mark != STAR) and not (view.no_rejected and mark == REJECT)
    }


def starred_runs(version: Version) -> list[str]:
    """The runs that hold a starred checkpoint, by name; one that another of them goes on from counts as that one."""
    marks = read_marks(version)
    names = {c.run for c in find_checkpoints(version) if _mark(marks, c.id) == STAR}
    earlier = {
        found.name
        for run in find_runs(version)
        if run.name in names
        and (found := earlier_run((version.trains / run.name).absolute(), run.arguments)) is not None
    }
    return sorted(names - earlier)


def _mark(marks: Mapping[tuple[str, str], Mark], checkpoint_id: str) -> str:
    found = marks.get((CHECKPOINT, checkpoint_id))
    return found.mark if found else ""


def _order(
    version: Version, board: Board, marks: Mapping[tuple[str, str], Mark], name: str
) -> dict[int, float]:
    """A number for each checkpoint, by its number; the largest goes first."""
    if name not in SORTS:
        raise UsageError(f"rows can't be sorted by {name!r}; there are: {', '.join(SORTS)}")
    if name == BY_STAR:
        number_of = {STAR: 1.0, "": 0.0, REJECT: -1.0}
        return {n: number_of[_mark(marks, c.id)] for n, c in enumerate(board.checkpoints)}
    if name == BY_VOTES:
        by_id = {row.id: row.log_strength for row in ranking(version)}
    else:
        newest = [found["checkpoints"] for found in read_scores(version)][:1]
        by_id = {
            number: own[name]["mean"] for found in newest for number, own in found.items() if name in own
        }
    return {n: by_id[c.id] for n, c in enumerate(board.checkpoints) if c.id in by_id}


def _score_columns(version: Version, board: Board) -> list[dict[str, Any]]:
    """For each model that looked: a column for each measure, by the checkpoint's number; None where it has none."""
    columns = []
    for found in read_scores(version):
        own = [found["checkpoints"].get(c.id, {}) for c in board.checkpoints]
        place = {c.id: number for number, c in enumerate(board.checkpoints)}
        columns.append({
            "model": found["model"],
            "title": found["title"],
            "weight": found["weight"],
            "time": found["time"],
            "measures": {
                m.id: [[s["mean"], s["error"], s["count"]] if (s := row.get(m.id)) else None for row in own]
                for m in MEASURES
                if any(m.id in row for row in own)
            },
            "overfit": {
                run: {"from": place[hint["from"]], "best": place[hint["best"]], "by": hint["by"]}
                for run, hint in found["overfit"].items()
                if hint["from"] in place and hint["best"] in place
            },
            "rule": found["rule"],
        })  # fmt: skip
    return columns


def marked(version: Version) -> list[dict[str, Any]]:
    """What bears a mark or a note, with the name that it has today."""
    names = {c.id: c.name for c in find_checkpoints(version)}
    return [
        {**asdict(mark.target), "name": names.get(mark.target.id, mark.target.name), "mark": mark.mark,
         "note": mark.note, "time": mark.time}
        for mark in read_marks(version).values()
    ]  # fmt: skip


def next_pair(version: Version, view: View, chooser: random.Random) -> dict[str, Any]:
    """Two checkpoints to vote on, without their names, and pictures of them that differ in nothing else."""
    board, marks = read_board(version), read_marks(version)
    chosen = _chosen(board, marks, view)
    wanted = {name: set(_values(board, name, texts)) for name, texts in view.where.items()}
    pictures: dict[str, dict[Any, int]] = {}
    for number, (cell, owner) in enumerate(zip(board.cells, board.owner, strict=True)):
        has_lora = cell.weight_unet or cell.weight_te
        is_wanted = all(
            board.axis(name) is None or _value(board, name, number) in of for name, of in wanted.items()
        )
        if cell.image and has_lora and is_wanted and (chosen is None or owner in chosen):
            shown = (*shown_by(cell), cell.seed)
            pictures.setdefault(board.checkpoints[owner].id, {})[shown] = number
    pair = choose_pair(games_of(version), pictures, chooser)
    if pair is None:
        raise UsageError(
            "there are no two checkpoints with pictures of the same prompt, seed and settings; render a preview first"
        )
    cells = board.cells
    return {
        "a": pair.a,
        "b": pair.b,
        "votes": len(games_of(version)),
        "pictures": [
            {"a": cells[a].key, "b": cells[b].key, "text": cells[a].text, "seed": cells[a].seed}
            for a, b in pair.pictures[:MOST_SHOWN]
        ],
    }


def _value(board: Board, name: str, cell: int) -> Any:
    axis = board.axis(name)
    assert axis is not None
    return axis.values[axis.column[cell]]


def named_ranks(version: Version, ranks: Sequence[Rank]) -> list[dict[str, Any]]:
    """`name` is empty where the checkpoint is gone."""
    names = {c.id: c.name for c in find_checkpoints(version)}
    return [{**asdict(row), "name": names.get(row.id, "")} for row in ranks]


def curves_document(found: Sequence[Curves], smoothing: float) -> dict[str, Any]:
    return {"runs": [asdict(curves) for curves in found], "smoothing": smoothing, "note": NOTE}


def advice_for(version: Version, key: str, run: str = "") -> Advice:
    """Read off the picture of that key; a picture without LoRA is every run's, so `run` may say whose."""
    board = read_board(version)
    found = board.cell_with(key)
    own = [cell for cell in board.cells if cell.key == found.key and cell.run == run]
    return advise(board, own[0] if own else found)


def advice_document(found: Advice) -> dict[str, Any]:
    return asdict(found)
