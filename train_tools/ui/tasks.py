"""Work of the page server that may take longer than a handler: in a thread, asked after by its number.

For what belongs to no version's queue: copies, zips, plans, sizes of folders. A task that is cut off by the server's
end leaves nothing behind, as the services build beside the target and rename at last.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.os_errors import sentence_of

LOG = logging.getLogger("train_tools.ui")
SOON_S = 0.6  # a task that is done by then is answered at once
KEPT_S = 600.0  # the result of one that has ended
OUTDATED = "outdated"


class OutdatedError(Exception):
    """A newer task took this one's place before it had begun."""


@dataclass
class Task:
    """`state` is running, done, failed or outdated. `done` and `of` are in the work's own unit, `of` 0: unknown."""

    id: int
    state: str = "running"
    done: int = 0
    of: int = 0
    name: str = ""
    result: Any = None
    error: str = ""
    ended: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, of: int, name: str) -> None:
        self.done, self.of, self.name = done, of, name

    def answer(self) -> dict[str, Any]:
        """For the page."""
        known = {"task": self.id, "state": self.state, "done": self.done, "of": self.of, "name": self.name}
        if self.state == "done":
            return {**known, "result": self.result}
        return {**known, "error": self.error} if self.state == "failed" else known


Work = Callable[[Task], Any]


class Tasks:
    """All tasks of one page server."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._tasks: dict[int, Task] = {}
        self._guard = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._newest: dict[str, int] = {}

    def start(self, work: Work, only_newest_of: str = "") -> dict[str, Any]:
        """Answers with the result where it is there soon, else with the number to ask for.

        Tasks of one `only_newest_of` run one after another, and all but the newest that wait are dropped.
        """
        with self._guard:
            self._forget()
            task = Task(next(self._numbers))
            self._tasks[task.id] = task
            if only_newest_of:
                self._newest[only_newest_of] = task.id
                turn = self._turns.setdefault(only_newest_of, threading.Lock())
        if only_newest_of:
            work = self._in_turn(work, only_newest_of, turn)
        threading.Thread(target=_run, args=(task, work), daemon=True, name=f"task-{task.id}").start()
        task.over.wait(SOON_S)
        if task.state == "failed":
            raise TrainToolsError(task.error)
        return task.answer()

    def answer(self, number: int) -> dict[str, Any]:
        """Raises TrainToolsError where it isn't known (any more)."""
        task = self._tasks.get(number)
        if task is None:
            raise TrainToolsError("This work isn't known any more; the page server was started anew.")
        return task.answer()

    def _in_turn(self, work: Work, key: str, turn: threading.Lock) -> Work:
        def wait_and_work(task: Task) -> Any:
            with turn:
                if self._newest[key] != task.id:
                    raise OutdatedError
                return work(task)

        return wait_and_work

    def _forget(self) -> None:
        oldest = time.monotonic() - KEPT_S
        for number in [n for n, task in self._tasks.items() if task.over.is_set() and task.ended < oldest]:
            del self._tasks[number]


def _run(task: Task, work: Work) -> None:
    state = "failed"
    try:
        with contextlib.suppress(OutdatedError):
            state = OUTDATED
            task.result = work(task)
            state = "done"
    except TrainToolsError as error:
        state, task.error = "failed", str(error)
    except Exception as error:
        inside = "Something went wrong inside; page.log in the data folder says what."
        state, task.error = "failed", sentence_of(error, "the data folder") or inside
        LOG.exception("work of the page failed")
    finally:
        task.ended = time.monotonic()
        task.state = state
        task.over.set()
