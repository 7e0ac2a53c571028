"""A process of sd-scripts: what it prints as it comes, and its end together with ours."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from train_tools.engines.sd_scripts.output import Bar, Output
from train_tools.errors import TrainToolsError

BAR_EVERY_S = 60.0  # between two bars in train.log, which would hold little else
KEPT_LINES = 200  # several GPUs say everything several times
GRACE_S = 10.0


class Process:
    """Its lines go to our own output, which is train.log, too."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        """Raises TrainToolsError where it can't be started."""
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._items: queue.Queue[Bar | str | None] = queue.Queue()
        self._bar_shown = -BAR_EVERY_S
        try:
            # In our process group: what ends us in order ends it and the processes that it starts.
            self._process = subprocess.Popen(
                list(command), cwd=folder, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise TrainToolsError(f"sd-scripts can't be started ({command[0]}: {error.strerror})") from error
        threading.Thread(target=self._read, daemon=True).start()

    def next_items(self, seconds: float) -> list[Bar | str] | None:
        """What it printed within `seconds`; None when it has ended and everything was given."""
        found: list[Bar | str] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 or not self._items.empty():
            try:
                item = self._items.get(timeout=max(0.0, left))
            except queue.Empty:
                break
            if item is None:
                if found:
                    self._items.put(None)
                    return found
                return None
            found.append(item)
        return found

    def exit_code(self) -> int:
        return self._process.wait()

    def end(self) -> None:
        """All its processes: those of several GPUs outlive the one that we started, but not its standard input."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        output = Output()
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while data := os.read(descriptor, 65_536):
            self._keep(output.feed(data))
        self._keep(output.close())
        self._items.put(None)

    def _keep(self, items: Sequence[Bar | str]) -> None:
        for item in items:
            if isinstance(item, str):
                self.lines.append(item)
                print(item, flush=True)
            elif time.monotonic() - self._bar_shown > BAR_EVERY_S:
                self._bar_shown = time.monotonic()
                print(f"step {item.step} of {item.steps}", flush=True)
            self._items.put(item)
