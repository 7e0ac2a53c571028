"""Messages that are to be sent: a file each, until every place has it. Nobody waits for it; what fails is tried again.

`<root>/train_tools/outbox/<name>.json` holds one for each language and which places still lack it, `messages.json` what
couldn't be delivered in the end. Neither holds a secret.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from train_tools.errors import TrainToolsError
from train_tools.messages import store
from train_tools.messages.channels import Channel, Message
from train_tools.messages.sending import NotSentError, send
from train_tools.workspace.files import read_json, write_json

FOLDER, TROUBLE = "outbox", "messages.json"
WAITS_S = (2.0, 10.0, 30.0, 120.0, 300.0, 600.0)  # before the next tries
OLDEST_S = 24 * 3600.0
MOST_TROUBLE = 10
ENDED, FAILED = "ended", "failed"  # what a message is about


class Outbox:
    """Of one process; several may have it. `say` is told what couldn't be sent."""

    def __init__(self, root: Path, say: Callable[[str], None], waits: tuple[float, ...] = WAITS_S) -> None:
        self._root = root
        self._folder = root / "train_tools" / FOLDER
        self._say = say
        self._waits = waits
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wakes = threading.Event()

    def add(self, about: str, name: str, messages: Mapping[str, Message], unless: str = "") -> None:
        """`messages` by language, to those who want to hear of it, but not to those who hear of `unless`.

        Once under one `name`, whoever comes first.
        """
        channels = [channel for channel in store.read(self._root) if getattr(channel, about)]
        places = [channel.id for channel in channels if not unless or not getattr(channel, unless)]
        if not places:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        done = self._folder / f".{name}.told"
        try:
            done.touch(exist_ok=False)
        except FileExistsError:
            return
        self._forget_old()
        write_json(self._folder / f"{name}.json", {
            "added": time.time(), "tries": 0, "next": 0.0, "places": places,
            "messages": {language: dataclasses.asdict(message) for language, message in messages.items()},
        })  # fmt: skip
        self.work()

    def _forget_old(self) -> None:
        for mark in self._folder.glob(".*.told"):
            with contextlib.suppress(OSError):
                if mark.stat().st_mtime < time.time() - OLDEST_S:
                    mark.unlink()

    def work(self) -> None:
        """Sends what there is, in a thread of its own."""
        with self._turn:
            self._wakes.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, daemon=True, name="messages")
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Until all is sent or given up; false where that takes longer."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _work(self) -> None:
        while True:
            self._wakes.clear()
            until = self._round()
            with self._turn:
                if until is None and not self._wakes.is_set():
                    self._thread = None
                    return
            self._wakes.wait(0.0 if until is None else max(0.05, until - time.time()))

    def _round(self) -> float | None:
        """When to try next; None where nothing is left."""
        found = sorted(self._folder.glob("[!.]*.json"))
        if not found:
            return None
        try:
            with FileLock(self._folder / ".lock", timeout=0):
                times = [self._deliver(file) for file in found]
        except Timeout:  # another process is at it
            return time.time() + self._waits[0]
        except OSError as error:
            self._say(f"messages can't be looked at ({error})")
            return time.time() + self._waits[-1]
        return min((at for at in times if at is not None), default=None)

    def _deliver(self, file: Path) -> float | None:
        """When this one is to be tried next; None where it is done."""
        try:
            found = read_json(file)
            if found["next"] > time.time():
                return float(found["next"])
            left, retry = self._send(found)
        except (TrainToolsError, OSError, KeyError, TypeError, ValueError):
            with contextlib.suppress(OSError):  # nothing that could be sent
                file.unlink()
            return None
        tries: int = found["tries"] + 1
        if not retry or tries > len(self._waits) or found["added"] < time.time() - OLDEST_S:
            file.unlink(missing_ok=True)
            self.note(left)
            return None
        at: float = time.time() + self._waits[tries - 1]
        write_json(file, {**found, "tries": tries, "next": at, "places": retry})
        return at

    def _send(self, found: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
        """By place why it hasn't got it, and which of them are worth another try."""
        channels = {channel.id: channel for channel in store.read(self._root)}
        why: dict[str, str] = {}
        retry = []
        for place in found["places"]:
            channel: Channel | None = channels.get(place)
            if channel is None:  # taken out meanwhile
                continue
            told = found["messages"].get(channel.language) or next(iter(found["messages"].values()))
            try:
                send(self._root, channel, Message(**told))
                self.note({place: ""})
            except NotSentError as error:
                self._say(str(error))
                why[place] = str(error)
                if error.is_final:
                    self.note({place: str(error)})
                else:
                    retry.append(place)
        return why, retry

    def note(self, why: Mapping[str, str]) -> None:
        """What is shown beside a place: why the last message didn't come; "" takes it back."""
        trouble = {place: row for place, row in self.trouble().items() if place not in why}
        trouble |= {place: {"error": text, "time": time.time()} for place, text in why.items() if text}
        newest = dict(sorted(trouble.items(), key=lambda item: -item[1]["time"])[:MOST_TROUBLE])
        with contextlib.suppress(OSError):
            write_json(self._root / "train_tools" / TROUBLE, {"trouble": newest})

    def trouble(self) -> dict[str, Any]:
        """By place: `error`, a sentence, and `time` in seconds since 1970."""
        try:
            return dict(read_json(self._root / "train_tools" / TROUBLE)["trouble"])
        except (OSError, TrainToolsError, KeyError, TypeError, ValueError):
            return {}
