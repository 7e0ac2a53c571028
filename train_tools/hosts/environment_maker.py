"""Makes the training environment from the webui's process: looks at it, starts its making, shows how far it is."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import train_tools
from train_tools.environment import journal
from train_tools.environment.machine import this_machine
from train_tools.environment.place import Place, place
from train_tools.environment.size import disk_gigabytes
from train_tools.environment.start import inner_variables
from train_tools.environment.status import BROKEN, MAKING, READY, EnvironmentStatus, environment_status
from train_tools.hosts.door_settings import Surroundings
from train_tools.hosts.interface import HostError
from train_tools.hosts.page_server import Start, without_window

COMMAND = ("-m", "train_tools", "env", "create")
LOG_LINES = 200
LOG_BYTES = 64 << 10


class EnvironmentMaker:
    """`surroundings` is asked each time: settings may have changed."""

    def __init__(self, surroundings: Callable[[], Surroundings], root: Path) -> None:
        self._surroundings = surroundings
        self._root = root
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._gigabytes: float | None = None

    def gigabytes(self) -> float:
        """How much disk it will take; asks the machine for its GPU once."""
        if self._gigabytes is None:
            self._gigabytes = disk_gigabytes(this_machine(self._surroundings().variables))
        return self._gigabytes

    def status(self) -> EnvironmentStatus:
        return environment_status(self._surroundings().variables)

    def start(self) -> Start:
        """How the page server is started. Raises HostError where the environment isn't there."""
        around = self._surroundings()
        status = environment_status(around.variables)
        if status.state != READY:
            raise HostError(
                status.error or "the training environment isn't made yet; the Train Tools tab offers to"
            )
        chosen = place(around.variables)
        python = around.python if chosen is None else str(chosen.python)
        command = (python, "-m", "train_tools", "page", "--port", "0", "--json", "--root", str(self._root))
        clone = Place(Path(train_tools.__file__).parents[1], status.folder)
        log = self._root / "train_tools" / "page-start.log"
        return Start(command, inner_variables(clone, around.variables), log)

    def make(self) -> None:
        """Starts it, unless somebody is at it; it goes on when the webui ends. Raises HostError where it can't."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            if self.status().state in (MAKING, READY):
                return
            around = self._surroundings()
            clone = Path(train_tools.__file__).parents[1]
            log = self._root / "train_tools" / "environment-start.log"
            # Not the webui's variables for Python, and found wherever it is started.
            variables = inner_variables(Place(clone, clone / ".venv"), around.variables)
            try:
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("wb") as file:
                    self._process = subprocess.Popen(
                        (around.python, *COMMAND), stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=variables,
                        start_new_session=True,
                        creationflags=without_window(),
                    )  # fmt: skip
            except OSError as error:
                raise HostError(f"the training environment can't be made ({error}); see {log}") from error
            threading.Thread(target=self._process.wait, daemon=True).start()

    def shown(self) -> dict[str, Any]:
        """What the small page shows."""
        status = self.status()
        state, error = status.state, status.error
        process = self._process
        if process is not None and process.poll() is None:
            state, error = MAKING, ""
        elif process is not None and process.returncode and state != READY and not error:
            state, error = BROKEN, tail(self._root / "train_tools" / "environment-start.log", 1)
        events = journal.read(status.journal) if state == MAKING else []
        stages = [event for event in events if event["event"] == "stage"]
        return {
            "state": state,
            "error": error,
            "folder": str(status.folder),
            "stage": stages[-1] if stages else None,
            "log": tail(status.log, LOG_LINES) if state != READY else "",
            "log_file": str(status.log),
            "gigabytes": None if state == READY else self.gigabytes(),
        }


def tail(log: Path, lines: int) -> str:
    """The last lines, without looking through a log of megabytes."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
        return "\n".join(
            [line.rstrip() for line in text.replace("\r", "\n").split("\n") if line.strip()][-lines:]
        )
    return ""
