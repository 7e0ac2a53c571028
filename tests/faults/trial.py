"""One trial: a queue of small runs, one fault at a random moment, and afterwards the question what was lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from execution import worker_process
from execution.fake_engine import FakeEngine, make_version, settings

from train_tools.arguments.checkpoints import checkpoint_names
from train_tools.engines import registry
from train_tools.environment import program
from train_tools.errors import TrainToolsError
from train_tools.execution import queue_actions
from train_tools.execution.lane import has_worker
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.runs import checkpoints_in
from train_tools.execution.supervise import environment
from train_tools.execution.verify import problems
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.plan import make_plan
from train_tools.workspace.run_folder import read_record

RUNS = 4  # in two packs of two
LIMIT_S = 120.0
FLAGGED = ("disk_full", "clock_back")


@dataclass
class Trial:
    root: Path
    chance: random.Random
    slots: int = 1
    queue: Queue = field(init=False)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    truncated: set[Path] = field(default_factory=set)
    names: dict[int, str] = field(init=False)  # output_name of each entry
    before: set[str] = field(default_factory=set)  # whole checkpoints at the moment of the fault

    def __post_init__(self) -> None:
        registry.ENGINES["packed"] = FakeEngine(self.root)
        version = make_version(self.root)
        program.change(self.root, {"gpus": ",".join(map(str, range(self.slots)))})
        self.queue = Queue(self.root)
        given = settings(self.root, seed=f"1-{RUNS}", pack_size="2", training_comment="brisk")
        plan = make_plan(version, given)
        tickets = queue_actions.add_training(self.queue, version, plan, queue_actions.Conditions())
        self.names = {ticket.id: str(ticket.identity["output_name"]) for ticket in tickets}

    def run(self, fault: Callable[[Trial], None]) -> list[str]:
        """What was lost, in sentences; empty where nothing was."""
        try:
            self.start_worker()
            self.wait_for_a_moment()
            self.before = {path.name for entry in self.entries() for path in whole_checkpoints(entry)}
            fault(self)
            self.finish()
            return self.losses()
        finally:
            self.end_all()

    def end_all(self) -> None:
        """Those, too, that one worker started for another's slot, and that have just begun."""
        for process in psutil.process_iter(["cmdline"]):
            if (
                worker_process.__file__ in (process.info["cmdline"] or [])
                and str(self.root) in process.info["cmdline"]
            ):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    process.wait()
        for worker in self.workers:
            worker.wait()

    def start_worker(self) -> None:
        command = [sys.executable, worker_process.__file__, str(self.root), "--root", str(self.root)]
        with (self.root / "worker.log").open("ab") as log:
            for slot in range(self.slots):
                started = [*command, "--slot", str(slot)]
                self.workers.append(subprocess.Popen(started, stdout=log, stderr=log, env=environment()))

    def wait_for_a_moment(self) -> None:
        """Until a random event of a random run, then a little; or for a random time."""
        deadline = time.monotonic() + LIMIT_S
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0, 1.5))
            return
        wanted = self.chance.randint(0, RUNS * 16)
        while self.events_so_far() < wanted and self.workers[0].poll() is None:
            assert time.monotonic() < deadline, "no worker works"
            time.sleep(0.001)
        time.sleep(self.chance.uniform(0, 0.01))

    def events_so_far(self) -> int:
        count = 0
        for entry_folder in (self.root / "train_tools" / "projects").glob("*/versions/*/trains/*"):
            with contextlib.suppress(OSError):
                count += (entry_folder / "events.jsonl").read_bytes().count(b"\n")
        return count

    def finish(self) -> None:
        """As a person would: a worker is started as long as something waits; what failed is retried."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            for worker in self.workers:
                worker.wait(max(0.1, deadline - time.monotonic()))
            assert time.monotonic() < deadline, "the queue doesn't end"
            for name in FLAGGED:
                (self.root / name).unlink(missing_ok=True)
            entries = self.entries()
            retried = [e for e in entries if e.state == "failed" and e.folder.is_dir() and self.truncated]
            for entry in retried:
                queue_actions.retry(self.queue, entry.id)
            if retried or any(entry.waits or entry.taken for entry in entries):
                self.start_worker()
            elif not has_worker(self.root):  # one that another started
                return

    def entries(self) -> list[Entry]:
        return self.queue.entries()

    def a_worker(self) -> subprocess.Popen[bytes]:
        """Of those that were started last, one for each slot."""
        return self.chance.choice(self.workers[-self.slots :])

    def engine_pid(self) -> int | None:
        records = [read_record(entry.folder) for entry in self.entries()]
        running = [record.pid for record in records if record is not None and record.state == "running"]
        return self.chance.choice(running) if running else None

    def losses(self) -> list[str]:
        entries = self.entries()
        found = [] if len(entries) == RUNS else [f"{RUNS - len(entries)} runs were forgotten"]
        there: set[str] = set()
        for entry in entries:
            there |= {path.name for path in whole_checkpoints(entry)}
            if entry.id in self.deleted:
                if entry.state != "failed" or entry.folder.exists():
                    found.append(f"{entry.id} was deleted and is {entry.state}")
                there |= {name for name in self.before if name.startswith(self.names[entry.id])}
            else:
                found += [f"{entry.id}: {text}" for text in self.faults(entry)]
        found += [f"{name} was finished before and is gone" for name in self.before - there]
        return found

    def faults(self, entry: Entry) -> list[str]:
        folder = entry.folder
        names = checkpoint_names(entry.ticket.arguments, int(entry.ticket.identity["steps"]))
        found = [] if entry.state == "finished" else [f"it is {entry.state}: {entry.error}"]
        found += problems(folder, names, int(entry.ticket.identity["steps"]))
        counted = {path.name for path in checkpoints_in(folder)}
        if counted != set(names):
            found.append(f"checkpoints are {counted}")
        if (folder / "state").exists():
            found.append("its state was left")
        ends = [len(of_kind(events, "finished")) for events in attempts(folder)]
        if sum(ends) != 1 and not self.truncated:
            found.append(f"it was trained to its end {sum(ends)} times")
        for events in attempts(folder):
            if was_trained_by_two_at_once(events):
                found.append("two processes trained it at once")
        return found


def attempts(folder: Path) -> list[list[dict[str, Any]]]:
    files = [folder / "events.jsonl", *folder.glob("attempts/*/events.jsonl")]
    return [read_events(file) for file in files if file.exists()]


def read_events(file: Path) -> list[dict[str, Any]]:
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):  # cut off by a kill
            found.append(json.loads(line))
    return found


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def was_trained_by_two_at_once(events: list[dict[str, Any]]) -> bool:
    """Whether a process's steps come again after another's."""
    pids = [event["pid"] for event in of_kind(events, "step")]
    turns = [pid for index, pid in enumerate(pids) if index == 0 or pids[index - 1] != pid]
    return any(count > 1 for count in Counter(turns).values())


def whole_checkpoints(entry: Entry) -> list[Path]:
    files = [*entry.folder.glob("*.safetensors"), *entry.folder.glob("attempts/*/*.safetensors")]
    shown = [path for path in files if not path.name.startswith(".")]  # others are still being written
    return [path for path in shown if not problems(path.parent, [path.name], steps_in(path))]


def steps_in(path: Path) -> int:
    try:
        return int(read_header(path).metadata["ss_steps"])
    except TrainToolsError:
        return 0


def kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_worker(trial: Trial) -> None:
    kill(trial.a_worker().pid)


def terminate_worker(trial: Trial) -> None:
    trial.a_worker().terminate()


def kill_trainer(trial: Trial) -> None:
    kill(trial.engine_pid())


def kill_both(trial: Trial) -> None:
    pid = trial.engine_pid()
    both = [pid, trial.a_worker().pid]
    trial.chance.shuffle(both)
    for one in both:
        kill(one)


def kill_again_and_again(trial: Trial) -> None:
    for _ in range(3):
        trial.chance.choice([kill_worker, kill_trainer, kill_both])(trial)
        if all(worker.poll() is not None for worker in trial.workers) or trial.chance.random() < 0.5:
            trial.start_worker()
        time.sleep(trial.chance.uniform(0, 0.5))


def fill_disk(trial: Trial) -> None:
    (trial.root / "disk_full").write_text("")
    time.sleep(trial.chance.uniform(0, 0.4))
    if trial.chance.random() < 0.3:
        kill_worker(trial)
    (trial.root / "disk_full").unlink()


def delete_a_run(trial: Trial) -> None:
    entry = trial.chance.choice(trial.entries())
    trial.deleted.add(entry.id)
    while entry.folder.exists():  # a file may come in between
        shutil.rmtree(entry.folder, ignore_errors=True)


def set_clock_back(trial: Trial) -> None:
    (trial.root / "clock_back").write_text(str(trial.chance.choice([5, 3600, 400 * 86400])))
    if trial.chance.random() < 0.5:
        kill_worker(trial)
        trial.start_worker()
    for worker in trial.workers:
        worker.wait(LIMIT_S)


def start_more_workers(trial: Trial) -> None:
    trial.start_worker()
    trial.start_worker()
    if trial.chance.random() < 0.5:
        kill(trial.workers[0].pid)


def truncate_a_checkpoint(trial: Trial) -> None:
    files = [
        path
        for entry in trial.entries()
        if entry.state != "finished"
        for path in entry.folder.glob("*.safetensors")
    ]
    if files:
        path = trial.chance.choice(files)
        trial.truncated.add(path)
        trial.before.discard(path.name)
        whole = path.read_bytes()
        os.truncate(path, trial.chance.randrange(len(whole)))
        if of_kind(read_events(path.parent / "events.jsonl"), "finished"):
            path.write_bytes(whole)  # it may have been judged whole before: nobody looks at it again
    if trial.chance.random() < 0.5:
        kill_both(trial)


def damage_a_state(trial: Trial) -> None:
    files = [path for entry in trial.entries() for path in entry.folder.glob("state/state.json")]
    kill_both(trial)
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            os.truncate(path, 0)


def lose_the_database(trial: Trial) -> None:
    kill_both(trial)
    for worker in trial.workers:
        worker.kill()
        worker.wait()
    path = trial.root / "train_tools" / "queue.sqlite3"
    if trial.chance.random() < 0.5:
        os.truncate(path, trial.chance.randrange(1, path.stat().st_size))
    else:
        path.unlink()


FAULTS: dict[str, Callable[[Trial], None]] = {
    "worker killed": kill_worker,
    "worker asked to end": terminate_worker,
    "trainer killed": kill_trainer,
    "both killed": kill_both,
    "killed three times": kill_again_and_again,
    "disk full": fill_disk,
    "run folder deleted": delete_a_run,
    "clock set back": set_clock_back,
    "two more workers": start_more_workers,
    "checkpoint truncated": truncate_a_checkpoint,
    "state truncated": damage_a_state,
    "database lost or cut off": lose_the_database,
}
