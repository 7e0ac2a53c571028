"""Writes a run's `events.jsonl`: one JSON line for everything that happens, read by all others."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

FLUSH_S = 0.5  # losses are worth no disk access each


class EventLog:
    """Appends to `<run folder>/events.jsonl`. Steps are flushed now and then, the rest at once."""

    def __init__(self, folder: Path) -> None:
        path = folder / "events.jsonl"
        self._file = path.open("a", encoding="utf-8")
        if not _ends_a_line(path):  # a crash cut it off
            self._file.write("\n")
        self._flushed = 0.0

    def write(self, event: str, **values: Any) -> None:
        line = {"time": round(time.time(), 3), "event": event, **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        now = time.monotonic()
        if event != "step" or now - self._flushed > FLUSH_S:
            self._file.flush()
            self._flushed = now

    @property
    def is_closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        self._file.close()


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
