"""The process that draws, as its supervisor sees it: asked in lines of JSON, and what it says in a log."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train_tools.engines import lifeline
from train_tools.engines.sd_scripts.command import variables
from train_tools.engines.sd_scripts.failure import reason
from train_tools.engines.sd_scripts.output import Output
from train_tools.environment.sd_scripts_place import sd_scripts_python
from train_tools.errors import TrainToolsError

KEPT_LINES = 200
GRACE_S = 10.0
PROCESS = Path(__file__).with_name("process.py")


class Client:
    """One process. Used as a context manager, with whose end the process ends."""

    def __init__(self, checkout: Path, log: Path) -> None:
        """Raises TrainToolsError where it can't be started."""
        command = [str(sd_scripts_python(checkout)), str(PROCESS), lifeline.__file__, str(checkout)]
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._process = subprocess.Popen(
                command, cwd=checkout, env=variables(os.environ, is_local=False), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise TrainToolsError(f"sd-scripts can't be started ({command[0]}: {error.strerror})") from error
        self._reader = threading.Thread(target=self._keep, args=(log,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(GRACE_S)

    def ask(self, **request: Any) -> None:
        with contextlib.suppress(OSError):  # it has ended; why is said where its answers are read
            self._stdin.write(json.dumps(request).encode("ascii") + b"\n")
            self._stdin.flush()

    def answers(self) -> Iterator[Mapping[str, Any]]:
        """As they come. Raises TrainToolsError with the reason where it ends instead."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)
        code = self._process.wait()
        self._reader.join(GRACE_S)
        raise TrainToolsError(reason(list(self._lines), code))

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _keep(self, log: Path) -> None:
        assert self._process.stderr is not None
        output = Output()
        descriptor = self._process.stderr.fileno()
        with log.open("ab") as file:
            while data := os.read(descriptor, 65_536):
                file.write(data)
                file.flush()
                self._lines += [item for item in output.feed(data) if isinstance(item, str)]
            self._lines += [item for item in output.close() if isinstance(item, str)]
