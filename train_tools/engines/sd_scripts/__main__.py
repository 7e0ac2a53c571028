"""`python -m train_tools.engines.sd_scripts RUN_FOLDER`: has sd-scripts train the run in this folder."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path

from train_tools.engines.events import EventLog
from train_tools.engines.lifeline import end_with_supervisor
from train_tools.errors import TrainToolsError
from train_tools.workspace.os_errors import sentence_of


def main(folders: list[str]) -> int:
    """0: finished. 1: failed. 2: refused. 3: paused, as it was asked to."""
    if len(folders) != 1:
        print("usage: python -m train_tools.engines.sd_scripts RUN_FOLDER", file=sys.stderr)
        return 2
    from train_tools.engines.sd_scripts.train import train

    log: EventLog | None = None
    try:
        log = EventLog(Path(folders[0]))
        return train(Path(folders[0]).absolute(), log)
    except TrainToolsError as error:
        print(error, file=sys.stderr)
        _fail(log, str(error))
        return 2
    except OSError as error:
        traceback.print_exc()
        _fail(log, sentence_of(error, folders[0]) or str(error))
        return 1
    finally:
        if log is not None:
            with contextlib.suppress(OSError):  # on a full disk, what it still held
                log.close()


def _fail(log: EventLog | None, error: str) -> None:
    if log is not None:
        with contextlib.suppress(OSError):  # the worker says how it ended
            log.write("failed", error=error)


if __name__ == "__main__":
    end_with_supervisor()
    sys.exit(main(sys.argv[1:]))
