"""Reads a run's events.jsonl while the engine is still writing it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from train_tools.workspace.files import append_line

FILE = "events.jsonl"
TAIL_BYTES = 65_536


class EventReader:
    """Gives the events since it was asked last; a line that isn't finished yet waits for the next time.

    `from_now` leaves out what is there already. `began_anew` says that the latest look found a new, shorter file.
    """

    began_anew = False

    def __init__(self, folder: Path, *, from_now: bool = False) -> None:
        self._path = folder / FILE
        self._offset = self._path.stat().st_size if from_now and self._path.exists() else 0
        self._half = b""

    def read(self) -> list[dict[str, Any]]:
        self.began_anew = False
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:  # a new attempt has begun a new file
                    self._offset, self._half, self.began_anew = 0, b"", True
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:  # moved away, before a new attempt
            self.began_anew = self._offset > 0
            self._offset, self._half = 0, b""
            return []
        self._offset += len(data)
        *lines, self._half = (self._half + data).split(b"\n")
        return events_of(lines)


def say(folder: Path, event: str, **values: Any) -> None:
    """Adds an event of our own; nothing where the folder is gone. The run's engine must not be running."""
    if folder.is_dir():
        line = {"time": round(time.time(), 3), "event": event, **values}
        append_line(folder / FILE, json.dumps(line, ensure_ascii=False))


def events_of(lines: list[bytes]) -> list[dict[str, Any]]:
    """The events in whole lines; a line that a crash cut off is no event."""
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # also where it isn't UTF-8
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            events.append(event)
    return events


def epoch_of(folder: Path) -> int:
    """Of the newest step; 0 before the first one."""
    told = [event["epoch"] for event in last_events(folder) if event["event"] == "step" and "epoch" in event]
    return int(told[-1]) if told else 0


def last_event(folder: Path, kind: str) -> dict[str, Any] | None:
    """The newest event of that kind near the file's end; lines before it aren't parsed, as a list asks thousands."""
    for line in reversed(_tail(folder, TAIL_BYTES)):
        if kind.encode() in line and (found := events_of([line])) and found[0]["event"] == kind:
            return found[0]
    return None


def last_events(folder: Path, most_bytes: int = TAIL_BYTES) -> list[dict[str, Any]]:
    """The newest events, without reading a long file whole."""
    return events_of(_tail(folder, most_bytes))


def _tail(folder: Path, most_bytes: int) -> list[bytes]:
    try:
        with (folder / FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most_bytes))
            return file.read().split(b"\n")
    except FileNotFoundError:
        return []
