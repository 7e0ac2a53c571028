"""The worker as a process of its own, with the fake engine: `worker_process.py FOLDER --root …`.

Files in FOLDER bring faults about: `clock_back` holds the seconds that the clock is set back by, and while
`disk_full` exists nothing can be written.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()
real_time = time.time


def set_back() -> float:
    try:
        return real_time() - float((FOLDER / "clock_back").read_text())
    except (FileNotFoundError, ValueError):
        return real_time()


def refusing(write: Any, error: Exception) -> Any:
    def refused(*arguments: Any, **named: Any) -> Any:
        if (FOLDER / "disk_full").exists():
            raise error
        return write(*arguments, **named)

    return refused


def main() -> int:
    time.time = set_back  # before anybody keeps it
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from execution.fake_engine import FakeEngine

    from train_tools.engines import registry
    from train_tools.execution import conclusion, database, events, lane, supervise, together, worker
    from train_tools.workspace import files

    full = OSError(errno.ENOSPC, "No space left on device")
    files.write_bytes = refusing(files.write_bytes, full)
    events.append_line = refusing(events.append_line, full)
    connected = refusing(database.Database._connected, sqlite3.OperationalError("database or disk is full"))
    database.Database._connected = connected
    registry.ENGINES["packed"] = FakeEngine(FOLDER)
    lane.COMMAND = (sys.executable, __file__, str(FOLDER))  # of workers that it starts
    # Faster than for a person, and not to be worn out by the tests' kills.
    supervise.POLL_S = worker.IDLE_S = 0.01
    worker.RETRY_S = 0.05
    together.LOOK_S = 0.02
    conclusion.MAX_RESTARTS = 50
    return worker.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
