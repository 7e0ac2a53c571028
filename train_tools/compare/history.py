"""A file of JSON lines that only grows: every state is derived from it, and none is lost.

Writers take turns by a lock of the file's own. They don't hold the version's: a star must be given while images
are being captioned, and a line at the end disturbs nobody.
"""

from __future__ import annotations

import json
import time
from typing import Any

from filelock import FileLock, Timeout

from train_tools.compare.place import cache, previews
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import append_line
from train_tools.workspace.workspace import Version

PATIENCE_S = 10.0


def append(version: Version, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Adds a record to previews/<name>, with its time; returns it as written.

    Raises UsageError where the version is gone, TrainToolsError where another process doesn't let go of the file.
    """
    if not version.folder.is_dir():
        raise UsageError(f"{version.project} {version.name} was renamed or deleted meanwhile")
    line = {"time": round(time.time(), 3), **record}
    file = previews(version) / name
    try:
        cache(version).mkdir(parents=True, exist_ok=True)
        with FileLock(cache(version) / f"{name}.lock", timeout=PATIENCE_S):
            append_line(file, json.dumps(line, ensure_ascii=False))
    except Timeout as error:
        raise TrainToolsError(f"{file} is being written by another process; try again") from error
    return line


def read(version: Version, name: str) -> list[dict[str, Any]]:
    """All records, the oldest first. A line that a crash cut off is left out."""
    try:
        lines = (previews(version) / name).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [record for line in lines if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:  # also where it isn't UTF-8
        return None
    return record if isinstance(record, dict) else None
