"""What a tool for LoRA files says of itself: the command line gets its flags from it, the page its form.

`lora/tools/rows/<tool>.py` holds a `TOOL` of this kind, and its name stands in `registry.NAMES`. A row is loaded
without torch: its `work` imports the service when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_tools.errors import TrainToolsError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# What a file is: a LoRA, a base model. Where a tool writes: nothing, a file, a folder with several.
LORA, BASE = "lora", "base"
NOTHING, FILE, FOLDER = "", "file", "folder"

Progress = Callable[[int, int, str], None]  # how much is done, of how much, what of
Cancelled = Callable[[], bool]


def silent(done: int, of: int, what: str) -> None:
    """For callers that don't watch."""


def never() -> bool:
    """For callers that don't cancel."""
    return False


class CancelledError(TrainToolsError):
    """A person stopped it. Nothing of what it was writing is left."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("stopped; nothing was written")


@dataclass(frozen=True)
class Watch:
    """Who looks on while a tool works."""

    progress: Progress = silent
    cancelled: Cancelled = never

    def step(self, done: int, of: int, what: str) -> None:
        """Tells how far it is. Raises CancelledError where it is to stop."""
        if self.cancelled():
            raise CancelledError
        self.progress(done, of, what)


NOBODY = Watch()


@dataclass(frozen=True)
class Input:
    """A file that the tool works on. `several`: one or more; `weighted`: each with a weight."""

    name: str
    role: str = LORA
    several: bool = False
    weighted: bool = False


@dataclass(frozen=True)
class Chosen:
    path: Path
    weight: float = 1.0


@dataclass(frozen=True)
class Given:
    """`files` by the names of the tool's inputs; `out` is the new file or folder, None for a tool that writes none."""

    files: Mapping[str, tuple[Chosen, ...]]
    out: Path | None = None

    def path(self, name: str) -> Path:
        """Of an input that is one file."""
        return self.files[name][0].path

    @property
    def target(self) -> Path:
        """Of a tool that writes."""
        assert self.out is not None
        return self.out


@dataclass(frozen=True)
class Done:
    """`files` are the new ones; `document` what was found out, as JSON can hold it; `lines` the same for a person;
    `notes` are sentences on what isn't as one might expect.
    """

    files: tuple[Path, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tool:
    """`settings` is a dataclass whose fields are made by `workspace.fields.setting`; one that is a tuple may be given
    several times. `help` is a line without a full stop.
    """

    name: str
    help: str
    inputs: tuple[Input, ...]
    settings: type[DataclassInstance]
    work: Callable[[Given, Any, Watch], Done]
    output: str = FILE
