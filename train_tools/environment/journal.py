"""What a set-up does, as JSON lines that other programs follow: the page and the webui's tab start one and read this.

Each line has `time` (seconds since 1970), `event`, and
  stage     `stage` (its name), `done` of `total` stages, `text`
  note      `text`: a sign of life, or something that a person should know
  finished  `text`
  failed    `text`: one sentence that says what to do
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

FINISHED, FAILED = "finished", "failed"


class Journal:
    """Begins anew with each set-up. A full disk is no reason to stop: what the user reads is said elsewhere too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")

    def stage(self, name: str, done: int, total: int, text: str) -> None:
        self._write("stage", stage=name, done=done, total=total, text=text)

    def note(self, text: str) -> None:
        self._write("note", text=text.strip())

    def finished(self, text: str) -> None:
        self._write(FINISHED, text=text)

    def failed(self, text: str) -> None:
        self._write(FAILED, text=text)

    def _write(self, event: str, **values: Any) -> None:
        line = json.dumps({"time": round(time.time(), 3), "event": event, **values}, ensure_ascii=False)
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            file.write(line.encode("utf-8") + b"\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines that are whole; empty where there was no set-up."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                found.append(event)
    return found
