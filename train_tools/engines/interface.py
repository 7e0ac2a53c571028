"""What the rest knows of an engine: a command that trains run folders, and what it can't train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from train_tools.families.interface import Found

PAUSE_FILE = (
    "pause"  # in the folder of any of its runs: finish the step, save the state, say `paused`, end with 3
)
LEAVE_FILE = "leave"  # there, too: this run alone keeps its state and says `paused`; the others go on
# This run is finished after the epoch whose number stands in the file, or the one that it is in where that is a later
# one: it says `finished` with `early`.
FINISH_FILE = "finish"
JOIN_FILE = "join"  # there, too: lines of run folders that are to begin in this process when the epoch ends
ASKING = (PAUSE_FILE, LEAVE_FILE, FINISH_FILE, JOIN_FILE)
STATE_FOLDER = (
    "state"  # in a run's folder: what the engine needs to go on; it takes it away when the run has finished
)


class Engine(Protocol):
    """A program that trains.

    Its process reads each run folder's run.toml, appends to its events.jsonl and writes its checkpoints there. It
    goes on from STATE_FOLDER where that is, and starts again where it can't. It ends with 0 where all runs finished,
    1 where one failed, 2 where it refused, 3 where it paused; and at once when the process that supervises it is gone
    (engines.lifeline). One that can't pause or go on need not: it is ended, and starts again.

    A run's end is told when it comes, though others of its process go on: after `finished`, `failed` or `paused` the
    engine is through with the run's folder.
    """

    @property
    def name(self) -> str: ...

    @property
    def can_let_go(self) -> bool:
        """Whether it looks for LEAVE_FILE, FINISH_FILE and JOIN_FILE."""

    @property
    def counts_steps(self) -> bool:
        """Whether a run may end within an epoch (max_train_steps); else it is planned in whole ones."""

    @property
    def processes(self) -> int:
        """How many processes, each with a GPU and its own part of the batches, train one run."""

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        """One reason for each argument that it can't honour; empty where it can train the run."""

    def unsupported_base(self, base: Found) -> list[str]:
        """Why it can't train on this base model, though others may."""

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        """Equal for runs that one process may train at once; different for all runs where it takes one at a time."""

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        """The process to start; it is never given to a shell."""
