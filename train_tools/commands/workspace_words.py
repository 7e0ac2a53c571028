"""What the commands on projects, versions and the trash say alike."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

from train_tools.commands.output import Output
from train_tools.workspace.archive import Exported
from train_tools.workspace.clone import Cloned
from train_tools.workspace.rename import Renamed
from train_tools.workspace.tree import Report
from train_tools.workspace.unpack import Imported

PROGRESS_S = 2.0


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def moment(seconds: float) -> str:
    """Local time of seconds since 1970."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def say_bytes(out: Output) -> Report:
    """A line every two seconds."""
    said = time.monotonic()

    def report(done: int, of: int, name: str) -> None:
        nonlocal said
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            out.say(f"[{megabytes(done)}/{megabytes(of)}] {name}")

    return report


def say_cloned(cloned: Cloned, out: Output) -> None:
    for text in cloned.left_out:
        out.say(f"left out {text}")
    out.say(f"copied {cloned.files} files ({megabytes(cloned.bytes)}) to {cloned.folder}")


def cloned_document(cloned: Cloned) -> dict[str, Any]:
    return {**asdict(cloned), "folder": str(cloned.folder)}


def say_exported(exported: Exported, out: Output) -> None:
    for text in exported.left_out:
        out.say(f"left out {text}")
    out.say(f"wrote {exported.files} files ({megabytes(exported.bytes)}) to {exported.file}")
    out.document({**asdict(exported), "file": str(exported.file)})


def say_imported(imported: Imported, out: Output) -> None:
    out.say(f"read {imported.files} files ({megabytes(imported.bytes)}) into {imported.folder}")
    out.document({**asdict(imported), "folder": str(imported.folder)})


def say_renamed(renamed: Renamed, old_project: str, out: Output) -> None:
    for version in renamed.concept_kept:
        out.say(f"version {version} keeps its trigger word: concept={old_project} stands in its settings now")
    for name in renamed.followed:
        out.say(f"the settings of {name} name the new place")
    for name in renamed.not_followed:
        out.say(f"the settings of {name} still name the old place: somebody was writing there; correct them")


def renamed_document(renamed: Renamed) -> dict[str, Any]:
    return {**asdict(renamed), "folder": str(renamed.folder)}
