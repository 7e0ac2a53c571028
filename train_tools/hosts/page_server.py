"""The page server as the webui's child: started when somebody looks, anew where it died, ended with the webui."""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from train_tools.hosts.interface import HostError

START_S = 90.0  # a cold disk and a virus scanner
OPEN_S = 20.0
END_S = 5.0
PAUSE_S = 5.0  # between tries to start one that fails
# What engines.lifeline looks for: the child ends when its standard input closes, however we end.
SUPERVISED = "TRAIN_TOOLS_SUPERVISED"
TOKEN = "TRAIN_TOOLS_PAGE_TOKEN"


@dataclass(frozen=True)
class Start:
    command: tuple[str, ...]
    variables: Mapping[str, str]
    log: Path


@dataclass(frozen=True)
class Answering:
    """`token` is what the page server must be shown."""

    port: int
    token: str


class PageServer:
    """`how` is asked at each start: settings may have changed."""

    def __init__(self, how: Callable[[], Start]) -> None:
        self._how = how
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answering: Answering | None = None
        self._failed: tuple[float, str] = (float("-inf"), "")
        self._closed = False

    def answering(self) -> Answering:
        """Waits for its start where it doesn't run; raises HostError with the reason where it can't be started."""
        with self._lock:
            if self._closed:
                raise HostError("the webui reloads its page; try again in a moment")
            if self._answering is not None and self._process is not None and self._process.poll() is None:
                return self._answering
            if time.monotonic() - self._failed[0] < PAUSE_S:
                raise HostError(self._failed[1])
            try:
                self._answering = self._started()
            except HostError as error:
                self._failed = (time.monotonic(), str(error))
                raise
            return self._answering

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._end()

    def _started(self) -> Answering:
        self._end()
        start = self._how()
        token = secrets.token_urlsafe(32)
        first_line: queue.Queue[bytes | OSError] = queue.Queue()
        # Linux ends a child with the thread that started it, so that thread has to stay.
        threading.Thread(
            target=self._run, args=(start, token, first_line), name="train-tools-page", daemon=True
        ).start()
        try:
            line = first_line.get(timeout=START_S)
        except queue.Empty:
            self._end()
            raise HostError(
                f"the page's server gave no sign within {START_S:.0f} s; {start.log} says more"
            ) from None
        if isinstance(line, OSError):
            raise HostError(
                f"the page's server can't be started ({line}); is the training environment whole?"
            )
        try:
            answering = Answering(int(json.loads(line)["port"]), token)
        except (ValueError, KeyError, TypeError):
            self._end()
            raise HostError(
                f"the page's server ended at once: {last_line(start.log)} ({start.log})"
            ) from None
        self._wait_until_open(answering.port)
        return answering

    def _wait_until_open(self, port: int) -> None:
        """It tells its port before it listens there."""
        until = time.monotonic() + OPEN_S
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return

    def _run(self, start: Start, token: str, first_line: queue.Queue[bytes | OSError]) -> None:
        variables = {**start.variables, SUPERVISED: "1", TOKEN: token}
        try:
            start.log.parent.mkdir(parents=True, exist_ok=True)
            with start.log.open("wb") as log:
                process = subprocess.Popen(
                    start.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=variables,
                    creationflags=without_window(),
                )
        except OSError as error:
            first_line.put(error)
            return
        self._process = process
        assert process.stdout is not None
        first_line.put(process.stdout.readline())
        for _ in process.stdout:  # else it would wait for room to write
            pass
        process.wait()

    def _end(self) -> None:
        process, self._process, self._answering = self._process, None, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()


def without_window() -> int:
    """On Windows a program for the console would open one, as a webui may run without."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0


def last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "it said nothing"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
