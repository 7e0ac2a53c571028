"""Writes a run's `events.jsonl`: one JSON line for everything that happens, read by all others."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

FLUSH_S = 0.5  # losses are worth no disk access each


class EventLog:
    """Appends to `<run folder>/events.jsonl`. Steps are flushed now and then, the rest at once."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "events.jsonl").open("a", encoding="utf-8")
        self._flushed = 0.0

    def write(self, event: str, **values: Any) -> None:
        line = {"time": round(time.time(), 3), "event": event, **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        now = time.monotonic()
        if event != "step" or now - self._flushed > FLUSH_S:
            self._file.flush()
            self._flushed = now

    def close(self) -> None:
        self._file.close()
