"""`python -m train_tools.engines.packed RUN_FOLDER …`: trains the runs in these folders in one process."""

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
    """0: all runs finished. 1: some failed. 2: refused. 3: paused, as it was asked to."""
    if not folders:
        print("usage: python -m train_tools.engines.packed RUN_FOLDER [RUN_FOLDER …]", file=sys.stderr)
        return 2
    # Here, so that the lifeline is held before torch is loaded, which takes seconds.
    from train_tools.engines.packed import config
    from train_tools.engines.packed.life.member import FAILED, PAUSED
    from train_tools.engines.packed.train import train

    logs: list[EventLog] = []
    try:
        configs = [config.read(Path(folder)) for folder in folders]
        logs = [EventLog(c.folder) for c in configs]
        outcomes = train(configs, logs)
        return 3 if PAUSED in outcomes else int(FAILED in outcomes)
    except TrainToolsError as error:
        _fail(logs, str(error))
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        # The log keeps the traceback; the event says it in one line.
        traceback.print_exc()
        _fail(logs, sentence_of(error, Path(folders[0])) or f"{type(error).__name__}: {error}")
        return 1
    finally:
        for log in logs:
            with contextlib.suppress(OSError):  # on a full disk, what it still held
                log.close()


def _fail(logs: list[EventLog], error: str) -> None:
    for log in logs:
        if log.is_closed:  # its run has ended before
            continue
        with contextlib.suppress(OSError):  # the worker says how it ended
            log.write("failed", error=error)


if __name__ == "__main__":
    end_with_supervisor()
    sys.exit(main(sys.argv[1:]))
