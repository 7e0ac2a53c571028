"""`python -m train_tools.execution.worker --root FOLDER`: works a lane of the queue off, apart from any terminal.

Each slot of the lane has a worker of its own (lane.py), which takes the next entries when it has nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import Timeout

from train_tools.engines.interface import Engine
from train_tools.engines.registry import engine_named
from train_tools.environment import process
from train_tools.environment.gpus import SLOT_VARIABLE
from train_tools.errors import TrainToolsError
from train_tools.execution import queue_actions, supervise
from train_tools.execution.automatic import AutomaticPreviews
from train_tools.execution.batches import News
from train_tools.execution.begin import begin, state_of
from train_tools.execution.beside_host import progress_report
from train_tools.execution.lane import (
    ensure_worker,
    gpus_of,
    is_there,
    lane_lock,
    slot_has_worker,
    slots,
    training,
)
from train_tools.execution.measuring import measure
from train_tools.execution.packs import choose_pack
from train_tools.execution.queue import DRAWS, PAUSED, SHUT_DOWN, STOP_AFTER, Entry, Queue
from train_tools.execution.states import ENDED
from train_tools.execution.ticket import DEFAULT_LANE, TRAIN
from train_tools.execution.together import Job, Together
from train_tools.hosts.keeper import Keeper
from train_tools.messages.outbox import Outbox
from train_tools.workspace.os_errors import sentence_of

IDLE_S = 2.0  # between looks at what waits for its time, or for a training outside of the queue
LINGER_S = 1200.0  # for messages that nobody has yet; another worker may do the lane's work meanwhile
RETRY_S = 60.0  # after trouble that a person has to end, as a full disk


class JobEngine:
    """Captions, previews or scores, as a process of their own."""

    processes = 1
    can_let_go = False
    counts_steps = False

    def __init__(self, kind: str) -> None:
        self.name = kind

    def unsupported(self, _arguments: object) -> list[str]:
        return []

    def unsupported_base(self, _base: object) -> list[str]:
        return []

    def pack_key(self, _arguments: object) -> str:
        return ""

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        return [sys.executable, "-m", "train_tools.commands.job", str(run_folders[0])]


class Worker:
    """For who holds the lane's `slot`. All it knows stands in the queue and the folders."""

    def __init__(
        self,
        queue: Queue,
        lane: str = DEFAULT_LANE,
        sleep: Callable[[float], None] = time.sleep,
        shut_down: Callable[[], None] | None = None,
        slot: int = 0,
    ) -> None:
        self._queue = queue
        self._lane = lane
        self._slot = slot
        self._sleep = sleep
        self._shut_down = shut_down or shut_computer_down
        self._previews = AutomaticPreviews(queue, say)
        self._keeper = Keeper(queue.root, say)
        self.messages = Outbox(queue.root, say)
        self._news = News(queue, self.messages)

    def run(self) -> None:
        """Until nothing is left that can be done now or later. A failed run stops nothing."""
        with self._keeper:
            self._run_all()

    def _run_all(self) -> None:
        is_recovered = False
        while self._slots() > self._slot:
            try:
                if not is_recovered:
                    self._recover()
                    is_recovered = True
                while self._work():
                    pass
                if self.is_done():
                    self._shut_down_if_asked()
                    return
                self._look_after_others()
                self._sleep(IDLE_S)
            except (TrainToolsError, OSError) as error:
                is_recovered = False
                told = sentence_of(error, self._queue.folder) or error
                say(f"{told}; the next try is in {RETRY_S:.0f} s")
                self._sleep(RETRY_S)

    def is_done(self) -> bool:
        """Nothing waits, not even for a later time, and nothing is being done; or the lane is paused."""
        if self._slots() <= self._slot:
            return True
        with self._queue.locked() as connection:
            if PAUSED in self._queue.flags(connection, self._lane):
                return True
            return not any(
                entry.waits or entry.taken or entry.state == "running"
                for entry in self._queue.read(connection, self._lane)
            )

    def _slots(self) -> int:
        return len(slots(self._queue.root, self._lane))

    def _recover(self) -> None:
        self._queue.recover(self._lane, self._is_held)
        queue_actions.obey(self._queue, self._lane)

    def _is_held(self, slot: int) -> bool:
        return slot != self._slot and slot_has_worker(self._queue.root, self._lane, slot)

    def _look_after_others(self) -> None:
        """A worker of another slot that was killed has left what it was at, and is started again."""
        with self._queue.locked() as connection:
            found = [e.taken for e in self._queue.read(connection, self._lane, open_only=True) if e.taken]
        if not all(self._is_held(number - 1) for number in set(found)):
            self._recover()
        if self._slots() > 1:
            ensure_worker(self._queue.root, self._lane)

    def _work(self) -> bool:
        """Does the next thing; False where nothing can be done now, as while a command trains in the slot."""
        with training(self._queue.root, self._lane, self._slot) as is_free:
            return is_free and self._slots() > self._slot and not self._webui_draws() and self._do_next()

    def _webui_draws(self) -> bool:
        """Whether a training of the lane is paused for the webui's pictures, until it or a person lets it go on."""
        queue = self._queue
        with queue.locked() as connection:
            flags = queue.flags(connection, self._lane)
            if DRAWS in flags and PAUSED not in flags:
                self._keeper.stand_by()
                if self._keeper.wishes_pause:
                    return True
                queue.set_flag(connection, self._lane, DRAWS, on=False)
        self._keeper.rest()
        return False

    def _do_next(self) -> bool:
        entries = self._take()
        if not entries:
            return False
        os.environ[SLOT_VARIABLE] = str(self._slot)
        with contextlib.suppress(TrainToolsError):  # a settings file that can't be read stops no batch
            process.apply(self._queue.root)
        where = gpus_of(slots(self._queue.root, self._lane), self._slot)
        names = ", ".join(entry.folder.name for entry in entries)
        say(f"{entries[0].ticket.kind}{f' on GPU {where}' if where else ''}: {names}")
        jobs: list[Job] = []
        try:
            for entry in entries:
                if attempt := begin(self._queue, entry):
                    jobs.append((entry, attempt))
                else:
                    self._ended(entry, state_of(entry.folder))
            if jobs:
                self._run(jobs)
        finally:
            self._let_go([*entries, *(entry for entry, _ in jobs if entry not in entries)])
        return True

    def _take(self) -> list[Entry]:
        queue = self._queue
        with queue.locked() as connection:
            flags = queue.flags(connection, self._lane)
            if PAUSED in flags:
                return []
            found = list(queue.read(connection, self._lane, open_only=True))
            queue.mark(connection, [e.id for e in found if e.state in ENDED and not e.taken], done=1)
            busy = {entry.taken for entry in found if entry.taken}
            if STOP_AFTER in flags and busy:
                return []
            now = queue.clock()
            free = max(1, self._slots() - len(busy))
            chosen = choose_pack((e for e in found if e.waits and (e.not_before or now) <= now), free)
            queue.mark(connection, [e.id for e in chosen], taken=self._slot + 1, request="")
            return chosen

    def _run(self, jobs: list[Job]) -> None:
        attempts = [attempt for _, attempt in jobs]
        kind = jobs[0][0].ticket.kind
        engine: Engine = engine_named(attempts[0].record.engine) if kind == TRAIN else JobEngine(kind)
        together = Together(self._queue, engine, jobs, self._ended, self._slot)

        def heard(index: int, event: dict[str, Any]) -> None:
            together.heard(index, event)
            self._previews.heard(jobs[index][0], event)

        def wish() -> str:
            if kind == TRAIN and self._keeper.wishes_pause:
                self._set_draws()
            return together.wish()

        report = progress_report(self._queue, jobs)
        alone = self._keeper.training(report) if kind == TRAIN else contextlib.nullcontext()
        folders = [attempt.folder for attempt in attempts]
        try:
            with alone:
                code = supervise.supervise(
                    engine, folders, together.started, heard, wish, together.of_one, together.joining
                )
        except KeyboardInterrupt:
            together.interrupt()
            raise
        except TrainToolsError as error:
            code = -1
            for attempt in attempts:
                attempt.error = attempt.error or str(error)
        if self._keeper.wishes_pause:  # it came too late for `wish`
            self._set_draws()
        troubled = together.conclude(code)
        if kind == TRAIN:
            measure(self._queue.folder / "measured.json", engine, attempts)
        if troubled:
            self._sleep(RETRY_S)

    def _ended(self, entry: Entry, state: str) -> None:
        try:
            self._news.ended(entry, state)
        except (TrainToolsError, OSError) as error:  # no reason not to train
            say(f"no message is sent: {sentence_of(error, self._queue.folder) or error}")
        if entry.ticket.kind == TRAIN and state == "finished":
            self._previews.ended([entry])

    def _set_draws(self) -> None:
        with contextlib.suppress(TrainToolsError), self._queue.locked() as connection:
            self._queue.set_flag(connection, self._lane, DRAWS, on=True)

    def _let_go(self, entries: list[Entry]) -> None:
        queue = self._queue
        with queue.locked() as connection:
            # What ended before the others may be queued again by now, and be another's.
            now = [queue.entry(connection, entry.id) for entry in entries]
            mine = [entry for entry in now if entry.taken == self._slot + 1]
            queue.mark(connection, [e.id for e in mine], taken=0)
            queue.mark(connection, [e.id for e in mine if e.state in ENDED], done=1, request="")
            # It may have been asked for in the moment when the process was ended.
            queue_actions.heed(queue, connection, self._lane)
            queue.stop_if_asked(connection, self._lane)

    def _shut_down_if_asked(self) -> None:
        with self._queue.locked() as connection:
            flags = self._queue.flags(connection, self._lane)
            asked = SHUT_DOWN in flags and PAUSED not in flags
            if asked:
                self._queue.set_flag(connection, self._lane, SHUT_DOWN, on=False)
        if asked:
            self._shut_down()


def shut_computer_down() -> None:
    command = ["shutdown", "/s", "/t", "60"] if sys.platform == "win32" else ["shutdown", "-h", "+1"]
    subprocess.run(command, check=False)


def say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m train_tools.execution.worker")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--lane", default=DEFAULT_LANE)
    parser.add_argument("--slot", type=int, default=0)
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    # Somebody who looks whether there is a worker holds it for a moment.
    lock = lane_lock(arguments.root, arguments.lane, wait=1.0, slot=arguments.slot)
    place = (arguments.root, arguments.lane, arguments.slot)
    worker = Worker(Queue(arguments.root), arguments.lane, slot=arguments.slot)
    worker.messages.work()  # that another one left
    try:
        while True:
            try:
                with lock:
                    is_there(*place)
                    worker.run()
            except Timeout:
                is_there(*place)
                return 0
            if worker.is_done():  # added while we let go of the slot: nobody else would see it
                worker.messages.wait(LINGER_S)
                return 0
    except KeyboardInterrupt:
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
