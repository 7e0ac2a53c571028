"""Reads a run's events.jsonl while the engine is still writing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "events.jsonl"
TAIL_BYTES = 65_536


class EventReader:
    """Gives the events since it was asked last; a line that isn't finished yet waits for the next time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = 0
        self._half = b""

    def read(self) -> list[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._half = (self._half + data).split(b"\n")
        return events_of(lines)


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


def last_events(folder: Path) -> list[dict[str, Any]]:
    """The newest events, without reading a long file whole."""
    try:
        with (folder / FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            return events_of(file.read().split(b"\n"))
    except FileNotFoundError:
        return []
