"""What the rest knows of an engine: a command that trains run folders, and what it can't train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class Engine(Protocol):
    """A program that trains.

    Its process reads each run folder's run.toml, appends to its events.jsonl and writes its
    checkpoints there. It ends with 0 where all runs finished, 1 where one failed, 2 where it refused.
    """

    @property
    def name(self) -> str: ...

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        """One reason for each argument that it can't honour; empty where it can train the run."""

    def unsupported_base(self, family: str, is_v2: bool) -> list[str]:
        """Why it can't train on a base model of this family of planning.families; "" is one that is unknown."""

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        """Equal for runs that one process may train at once."""

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        """The process to start; it is never given to a shell."""
