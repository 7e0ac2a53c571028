"""Stars, rejections and notes of checkpoints and cells: previews/marks.jsonl, the last word counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from train_tools.compare import history
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version

FILE = "marks.jsonl"
STAR, REJECT, NONE = MARKS = ("star", "reject", "")
CHECKPOINT, CELL = KINDS = ("checkpoint", "cell")
LONGEST_NOTE = 4000  # characters


@dataclass(frozen=True)
class Target:
    """`id` is made from the content: a checkpoint's or a cell's. `name` is for people who read the file."""

    kind: str
    id: str
    name: str = ""


@dataclass(frozen=True)
class Mark:
    """`mark` is one of MARKS; `time` is when it was last changed, in seconds since 1970."""

    target: Target
    mark: str = NONE
    note: str = ""
    time: float = 0.0


def set_mark(version: Version, target: Target, mark: str | None = None, note: str | None = None) -> Mark:
    """Changes what is given; what is None stays. Raises UsageError for a mark or kind that there is not."""
    if target.kind not in KINDS:
        raise UsageError(f"{target.kind!r} can't be marked; there are: {', '.join(KINDS)}")
    if mark is not None and mark not in MARKS:
        raise UsageError(f"there is no mark {mark!r}; there are: {STAR}, {REJECT}, and empty for none")
    if note is not None and len(note) > LONGEST_NOTE:
        raise UsageError(f"the note has {len(note)} characters; at most {LONGEST_NOTE} are kept")
    said = {name: value for name, value in (("mark", mark), ("note", note)) if value is not None}
    if said:
        history.append(version, FILE, {"kind": target.kind, "id": target.id, "name": target.name, **said})
    return read_marks(version).get((target.kind, target.id), Mark(target))


def read_marks(version: Version) -> Mapping[tuple[str, str], Mark]:
    """By kind and id; those that were taken back are left out."""
    found: dict[tuple[str, str], Mark] = {}
    for record in history.read(version, FILE):
        key = (str(record.get("kind")), str(record.get("id")))
        if key[0] in KINDS:
            before = found.get(key, Mark(Target(*key)))
            found[key] = _changed(before, record)
    return {key: mark for key, mark in found.items() if mark.mark or mark.note}


def _changed(before: Mark, record: Mapping[str, Any]) -> Mark:
    mark, note = record.get("mark", before.mark), record.get("note", before.note)
    return replace(
        before,
        target=replace(before.target, name=str(record.get("name", ""))),
        mark=mark if mark in MARKS else before.mark,
        note=str(note),
        time=float(record.get("time", 0.0)),
    )


def mark_history(version: Version) -> list[dict[str, Any]]:
    """Every change that was ever made, the oldest first."""
    return history.read(version, FILE)
