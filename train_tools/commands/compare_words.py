"""Comparisons in words."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from train_tools.commands.output import Output, table
from train_tools.compare.advice import Advice
from train_tools.compare.board import RUN, value_text
from train_tools.compare.checkpoints import Checkpoint
from train_tools.compare.curves import NOTE, Curves
from train_tools.compare.marks import CHECKPOINT, REJECT, STAR
from train_tools.compare.scores.measures import MEASURES
from train_tools.compare.service import Viewed
from train_tools.compare.table import EMPTY
from train_tools.workspace.workspace import Version

SIGNS = {STAR: "*", REJECT: "x", "": "+"}
MOST_ROWS, MOST_COLUMNS, LONGEST_LABEL = 60, 16, 60
PROGRESS_S = 5.0


def board(found: Viewed) -> str:
    """A sign for each picture: + there, * of a starred checkpoint, x of a rejected one, ! failed."""
    axes = {axis.name: axis for axis in found.board.axes}
    shown = found.table
    if not found.board.cells:
        return "no pictures yet; render some with `preview PROJECT VERSION`"

    def text_of(name: str, value: Any) -> str:
        return found.board.run_labels[value] if name == RUN else value_text(value)

    def labels(names: Sequence[str], keys: Sequence[tuple[int, ...]]) -> list[str]:
        return [
            _short(" · ".join(text_of(n, axes[n].values[k]) for n, k in zip(names, key, strict=True)))
            or "all"
            for key in keys
        ]

    columns = labels(shown.columns, shown.column_keys)
    rows = [[f"{', '.join(shown.rows)} \\ {', '.join(shown.columns)}", *columns[:MOST_COLUMNS]]]
    for number, label in enumerate(labels(shown.rows, shown.row_keys)[:MOST_ROWS]):
        start = number * len(columns)
        cells = shown.grid[start : start + min(len(columns), MOST_COLUMNS)]
        rows.append([label, *(_sign(found, cell) for cell in cells)])
    more_rows, more_columns = len(shown.row_keys) - MOST_ROWS, len(columns) - MOST_COLUMNS
    lines = [table(rows), "", f"{shown.shown} pictures of {len(found.board.checkpoints)} checkpoints"]
    if more_rows > 0 or more_columns > 0:
        lines.append(
            f"not shown: {max(0, more_rows)} rows, {max(0, more_columns)} columns; narrow it with --where"
        )
    lines.append(f"axes: {', '.join(axes)}")
    return "\n".join(lines)


def _sign(found: Viewed, cell: int) -> str:
    if cell == EMPTY:
        return ""
    if found.board.cells[cell].error:
        return "!"
    checkpoint = found.board.checkpoints[found.board.owner[cell]]
    mark = found.marks.get((CHECKPOINT, checkpoint.id))
    return SIGNS[mark.mark if mark else ""]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"


def marks(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "nothing is marked; mark with `compare mark PROJECT VERSION CHECKPOINT --star`"
    return table(
        [["mark", "what", "note"], *([m["mark"] or "-", m["name"], _short(m["note"])] for m in found)]
    )


def history(records: Sequence[Mapping[str, Any]]) -> str:
    rows = [["when", "what", "mark", "note"]]
    for record in records:
        when = datetime.fromtimestamp(float(record.get("time", 0))).strftime("%Y-%m-%d %H:%M")
        mark, note = record.get("mark"), record.get("note")
        rows.append(
            [when, str(record.get("name")), "" if mark is None else mark or "none", _short(note or "")]
        )
    return table(rows)


def pair(found: Mapping[str, Any]) -> str:
    lines = [f"a = {found['a']}", f"b = {found['b']}", ""]
    lines += [f"{_short(p['text'])}, seed {p['seed']}: {p['a']} against {p['b']}" for p in found["pictures"]]
    return "\n".join(
        [*lines, "", f"vote with `compare vote PROJECT VERSION {found['a']} {found['b']} a|b|tie`"]
    )


def ranking(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "no votes yet; `compare pair PROJECT VERSION` asks for the first"
    rows = [["place", "checkpoint", "chance against average", "95 % interval", "votes"]]
    rows += [
        [str(r["place"]), r["name"] or r["id"], f"{r['chance']:.0%}", f"{r['low']:.0%} to {r['high']:.0%}",
         str(r["games"])]
        for r in found
    ]  # fmt: skip
    return table(rows, right=frozenset({0, 2, 4}))


def scores(documents: Sequence[Mapping[str, Any]], checkpoints: Sequence[Checkpoint]) -> str:
    if not documents:
        return "nothing is scored yet; `compare score PROJECT VERSION` does it"
    names = {c.id: c.name for c in checkpoints}
    lines: list[str] = []
    for document in documents:
        own = document["checkpoints"]
        known = [m for m in MEASURES if any(m.id in row for row in own.values())]
        lines += [f"{document['title'][0]}, LoRA weight {document['weight']:g}", ""]
        rows = [["checkpoint", *(m.id for m in known)]]
        rows += [
            [names[c.id], *(_score(own[c.id].get(m.id)) for m in known)] for c in checkpoints if c.id in own
        ]
        lines += [table(rows, right=frozenset(range(1, len(known) + 1))), ""]
        lines += [f"{m.id}: {m.help[0]}" for m in known]
        for run, hint in document["overfit"].items():
            lines.append(
                f"{run} seems to overfit from {names.get(hint['from'], hint['from'])} on: {document['rule'][0]}"
            )
        lines.append("")
    return "\n".join(lines).rstrip()


def _score(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    error = f" ± {found['error']:.3f}" if found["error"] is not None else ""
    return f"{found['mean']:.3f}{error}"


def progress(out: Output) -> Callable[[int, int, str], None]:
    said = 0.0

    def report(done: int, of: int, _text: str) -> None:
        nonlocal said
        if done == of or time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            out.say(f"pictures {done}/{of}")

    return report


def curves(found: Sequence[Curves]) -> str:
    if not found:
        return "no run has trained a step yet"
    rows = [["run", "steps", "loss at first", "loss at last (smoothed)", "learning rate at last"]]
    rows += [
        [c.run, str(c.steps[-1]), _number(c.loss[0]), _number(c.smooth[-1]), _number(c.learning_rate[-1])]
        for c in found
    ]
    return f"{table(rows, right=frozenset({1, 2, 3, 4}))}\n\n{NOTE[0]}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def advice(version: Version, found: Advice) -> str:
    lines = [english for english, _ in found.sentences]
    if found.changes:
        settings = " ".join(f"--set {shlex.quote(f'{name}={text}')}" for name, text in found.changes.items())
        lines += ["", f"plan {shlex.quote(version.project)} {shlex.quote(version.name)} {settings}"]
    return "\n".join(lines)
