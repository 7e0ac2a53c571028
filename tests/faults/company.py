"""One trial of runs in company: they join, leave, finish early, are cancelled alone and get more epochs, while
processes are killed. Afterwards the question what was lost, done twice, or isn't as it was asked for.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import psutil
from execution.fake_engine import SETTINGS, FakeEngine, make_version, settings
from faults import pack_engine
from faults.trial import (
    Trial,
    attempts,
    kill_both,
    kill_trainer,
    kill_worker,
    of_kind,
    terminate_worker,
    was_trained_by_two_at_once,
    whole_checkpoints,
)

from train_tools.arguments.checkpoints import checkpoint_names, of_epoch
from train_tools.engines import registry
from train_tools.engines.interface import ASKING
from train_tools.environment import program
from train_tools.errors import TrainToolsError
from train_tools.execution import more, queue_actions
from train_tools.execution.lane import has_worker
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.verify import problems
from train_tools.planning.plan import make_plan
from train_tools.workspace.run_folder import read_record
from train_tools.workspace.workspace import Workspace

EPOCHS = (1, 3, 6)  # two runs of each, at most three at once
AN_EPOCH = 6  # steps
ACTS = 10
LIMIT_S = 240.0  # many processes are started one after another, and the machine may be busy
ALWAYS = queue_actions.Conditions()


@dataclass
class Wish:
    """`state` is what a person asked for at `time`; `alive` were the engines' processes then."""

    state: str
    alive: frozenset[int]
    time: float = field(default_factory=time.time)


@dataclass
class Company(Trial):
    wishes: dict[int, Wish] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)  # that were asked to finish early
    said: list[str] = field(default_factory=list)  # what was done, for who reads of a loss
    wrong: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        engine = FakeEngine(self.root)
        shutil.copyfile(pack_engine.__file__, engine.script)
        registry.ENGINES["packed"] = engine
        version = make_version(self.root)
        program.change(self.root, {"gpus": ",".join(map(str, range(self.slots)))})
        self.queue = Queue(self.root)
        epochs = ",".join(map(str, EPOCHS))
        given = settings(
            self.root, **{**SETTINGS, "seed": "1,2", "max_train_epochs": epochs, "pack_size": "3"}
        )
        plan = make_plan(version, given)
        tickets = queue_actions.add_training(self.queue, version, plan, ALWAYS)
        self.names = {ticket.id: str(ticket.identity["output_name"]) for ticket in tickets}

    def run(self, _fault: Callable[[Trial], None] | None = None) -> list[str]:
        try:
            self.start_worker()
            for _ in range(ACTS):
                self.wait_a_little()
                self.before |= self.whole()
                self.act()
            self.before |= self.whole()
            self.finish()
            self.count()
            return [*self.wrong, *self.losses()]
        finally:
            self.end_all()
            (self.root / "acts.txt").write_text("\n".join(self.said), encoding="utf-8")

    def wait_a_little(self) -> None:
        """For some events, or a moment."""
        if self.chance.random() < 0.4:
            time.sleep(self.chance.uniform(0, 0.4))
            return
        wanted, until = self.events_so_far() + self.chance.randint(1, 30), time.monotonic() + 3
        while self.events_so_far() < wanted and time.monotonic() < until:
            time.sleep(0.002)

    def act(self) -> None:
        acts: list[tuple[float, Callable[[Entry], None]]] = [
            (3, self.cancel), (2, self.pause), (2, self.resume), (3, self.finish_early), (3, self.more),
            (1, self.retry), (1, self.now), (1, self.last), (6, self.fall),
        ]  # fmt: skip
        (act,) = self.chance.choices([act for _, act in acts], [weight for weight, _ in acts])
        entries = self.entries()
        running = [entry for entry in entries if entry.taken]
        entry = self.chance.choice(running if running and self.chance.random() < 0.6 else entries)
        with contextlib.suppress(TrainToolsError):  # refused, as it is in no state for that
            act(entry)
            self.said.append(
                f"{time.time():.3f} {act.__name__} {entry.id} ({entry.state}, taken {entry.taken})"
            )

    def cancel(self, entry: Entry) -> None:
        queue_actions.cancel(self.queue, entry.id)
        self.wishes[entry.id] = Wish("cancelled", self.engines())

    def pause(self, entry: Entry) -> None:
        queue_actions.pause(self.queue, entry.id)
        self.wishes[entry.id] = Wish("paused", self.engines())

    def resume(self, entry: Entry) -> None:
        queue_actions.resume(self.queue, entry.id)
        self.wishes.pop(entry.id, None)

    def finish_early(self, entry: Entry) -> None:
        queue_actions.finish(self.queue, entry.id)
        self.early.add(entry.id)

    def more(self, entry: Entry) -> None:
        version = Workspace(self.root).version(entry.project, entry.version)
        (one,) = more.add_more(self.queue, version, [entry.folder.name], self.chance.randint(1, 2), ALWAYS)
        (added,) = [entry for entry in self.entries() if entry.folder.name == one.name]
        self.names[added.id] = str(one.identity["output_name"])

    def retry(self, entry: Entry) -> None:
        queue_actions.retry(self.queue, entry.id)
        self.wishes.pop(entry.id, None)

    def now(self, entry: Entry) -> None:
        queue_actions.run_now(self.queue, entry.id)
        if entry.state == "paused":
            self.wishes.pop(entry.id, None)

    def last(self, entry: Entry) -> None:
        queue_actions.move(self.queue, entry.id, queue_actions.LAST)

    def fall(self, _entry: Entry) -> None:
        """Of one process or two; a worker is started at once, or at the next fall, or at the end."""
        fault = self.chance.choice([kill_worker, kill_trainer, kill_both, terminate_worker])
        fault(self)
        self.said.append(f"{time.time():.3f} {fault.__name__}")
        if self.chance.random() < 0.7:
            self.start_worker()

    def engines(self) -> frozenset[int]:
        script = str(FakeEngine(self.root).script)
        found = psutil.process_iter(["cmdline"])
        return frozenset(process.pid for process in found if script in (process.info["cmdline"] or []))

    def finish(self) -> None:
        """A worker is started as long as something waits; then what was paused is resumed, once."""
        deadline = time.monotonic() + LIMIT_S
        is_resumed = False
        while True:
            for worker in self.workers:
                worker.wait(max(0.1, deadline - time.monotonic()))
            assert time.monotonic() < deadline, "the queue doesn't end"
            entries = self.entries()
            if any(entry.waits or entry.taken for entry in entries):
                self.start_worker()
            elif has_worker(self.root):  # one that another started
                time.sleep(0.01)
            elif is_resumed:
                return
            else:
                is_resumed = True
                self.wrong += [text for entry in entries for text in self.not_as_asked(entry)]
                for entry in entries:
                    if entry.state == "paused":
                        self.resume(entry)

    def count(self) -> None:
        """What the trial was about: without it nothing is shown."""
        for entry in self.entries():
            events = [event for events in attempts(entry.folder) for event in events]
            self.happened["joined"] += sum("joins" in event for event in of_kind(events, "stage"))
            self.happened["left"] += len(of_kind(events, "paused"))
            self.happened["went on"] += len(of_kind(events, "resumed"))
            self.happened["early"] += sum("early" in event for event in of_kind(events, "finished"))
            self.happened["more epochs"] += "initial_epoch" in entry.ticket.arguments
            self.happened[entry.state] += 1
            processes = {event["pid"] for event in of_kind(events, "step")}
            self.happened["processes"] += len(processes)

    def whole(self) -> set[str]:
        return {path.name for entry in self.entries() for path in whole_checkpoints(entry)}

    def not_as_asked(self, entry: Entry) -> Iterator[str]:
        """A run that was cancelled or paused may have been through before it heard; else it is as asked."""
        wish = self.wishes.get(entry.id)
        if wish is None:
            if entry.state != "finished":
                yield f"{entry.id} is {entry.state}, and nobody asked for that: {entry.error}"
        elif entry.state == "finished":
            (end,) = of_kind([event for events in attempts(entry.folder) for event in events], "finished")[:1]
            if end["time"] > wish.time and wish.alive and end.get("pid") not in {*wish.alive, None}:
                yield f"{entry.id} was to be {wish.state}, and another process trained it on"
        elif entry.state != wish.state:
            yield f"{entry.id} was to be {wish.state} and is {entry.state}: {entry.error}"

    def losses(self) -> list[str]:
        entries = self.entries()
        found = [f"{number} was forgotten" for number in self.names.keys() - {entry.id for entry in entries}]
        found += [f"{name} was there before and is gone" for name in self.before - self.whole()]
        for entry in entries:
            found += [f"{entry.id}: {text}" for text in self.faults(entry)]
        return found

    def faults(self, entry: Entry) -> list[str]:
        found = list(of_steps(entry))
        if entry.taken or entry.request:
            found.append(f"it is still taken ({entry.taken}) or asked ({entry.request})")
        found += [f"a file {file} was left" for file in ASKING if (entry.folder / file).exists()]
        if entry.state == "finished":
            found += self.of_finished(entry)
        elif entry.state != "cancelled" or entry.id not in self.wishes:
            found.append(f"it is {entry.state}: {entry.error}")
        return found

    def of_finished(self, entry: Entry) -> Iterator[str]:
        record, planned = read_record(entry.folder), int(entry.ticket.identity["steps"])
        assert record is not None
        if record.steps != planned and (entry.id not in self.early or record.steps % AN_EPOCH):
            yield f"it has {record.steps} steps, planned were {planned}"
        arguments = entry.ticket.arguments
        names = checkpoint_names(arguments, record.steps, record.epochs)
        yield from problems(entry.folder, names, record.steps)
        before = range(1, int(arguments.get("initial_epoch") or 1))
        inherited = {of_epoch(str(arguments["output_name"]), epoch) for epoch in before}
        counted = {path.name for path in entry.folder.glob("*.safetensors") if path.name[0] != "."}
        if counted - inherited != set(names):
            yield f"checkpoints are {sorted(counted)}"
        if (entry.folder / "state").exists():
            yield "its state was left"
        ends = sum(len(of_kind(events, "finished")) for events in attempts(entry.folder))
        if ends != 1:
            yield f"it was trained to its end {ends} times"
        done = {event["step"] for events in attempts(entry.folder) for event in of_kind(events, "step")}
        missing = set(range(int(arguments.get("initial_step") or 0) + 1, record.steps + 1)) - done
        if missing:
            yield f"steps {sorted(missing)} were never trained"


def of_steps(entry: Entry) -> Iterator[str]:
    """In each attempt: a process's steps follow each other, and none goes on behind what was reached."""
    for events in attempts(entry.folder):
        if was_trained_by_two_at_once(events):
            yield "two processes trained it at once"
        steps = of_kind(events, "step")
        reached = int(entry.ticket.arguments.get("initial_step") or 0)
        for step in steps:
            if step["step"] > reached + 1:
                yield f"step {step['step']} came after {reached}"
            reached = max(reached, step["step"])
        for earlier, later in pairwise(steps):
            if earlier["pid"] == later["pid"] and later["step"] != earlier["step"] + 1:
                yield f"step {later['step']} came after {earlier['step']} of the same process"
