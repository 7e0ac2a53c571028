"""A run while it is trained: what its engine says of it, and how its files are judged after."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_tools.arguments.checkpoints import checkpoint_names
from train_tools.execution import run_record
from train_tools.execution.supervise import last_lines
from train_tools.execution.verify import problems
from train_tools.workspace.run_folder import RunRecord


@dataclass
class Attempt:
    """`arguments` are those of run.toml. What the engine says is taken from events."""

    folder: Path
    record: RunRecord
    arguments: Mapping[str, Any]
    says_finished: bool = False
    says_paused: bool = False
    says_anything: bool = False
    fits: int = 0  # so many runs fit into memory at once, without this one; 0: it wasn't given back
    error: str | None = None
    steps: list[tuple[float, int]] = field(default_factory=list)  # when each was done, and its number
    memory: list[Mapping[str, Any]] = field(default_factory=list)  # what the engine measured

    def take(self, event: Mapping[str, Any]) -> None:
        self.says_anything = True
        if event["event"] == "finished":
            self.says_finished = True
            if event.get("early"):  # as a person asked for
                step, epoch = int(event["step"]), int(event["epoch"])
                self.record = dataclasses.replace(self.record, steps=step, epochs=epoch)
        elif event["event"] == "paused":
            self.says_paused = True
            self.fits = int(event.get("runs", 0))
        elif event["event"] == "memory":
            self.memory.append(event)
        elif event["event"] == "failed":
            self.error = str(event.get("error", "the engine gave no reason"))
        elif event["event"] == "step" and isinstance(event.get("step"), int):
            self.steps.append((float(event.get("time", time.time())), event["step"]))

    def start(self, pid: int) -> None:
        self.record = run_record.start(self.folder, self.record, pid)

    def end(self, state: str, error: str | None = None) -> RunRecord:
        self.record = run_record.end(self.folder, self.record, state, error)
        return self.record

    def wait(self, **process: Any) -> RunRecord:
        """As before it was started; `process` has it in hand, else nobody."""
        self.record = run_record.wait(self.folder, self.record, **process)
        return self.record

    @property
    def last_step(self) -> int:
        """0 before the first one."""
        return self.steps[-1][1] if self.steps else 0

    @property
    def is_open(self) -> bool:
        """Whether its engine has said of it neither that it is finished nor that it failed."""
        return not self.says_finished and self.error is None

    @property
    def checkpoints(self) -> list[str]:
        if not self.arguments:
            return []
        return checkpoint_names(self.arguments, self.record.steps, self.record.epochs)

    def faults(self) -> list[str]:
        """What its files lack; empty where it is what was planned."""
        steps = None if self.arguments.get("no_metadata") else self.record.steps
        return problems(self.folder, self.checkpoints, steps)

    def verdict(self, exit_code: int) -> str | None:
        """Why the run failed; None where it is finished. The files decide; the engine's words explain."""
        if self.error is not None:
            return self.error
        if self.says_finished:
            return "; ".join(self.faults()) or None
        said = last_lines(self.folder)
        error = f"the engine ended with code {exit_code} before the run was finished"
        return f"{error}; its last lines: {said}" if said else error
