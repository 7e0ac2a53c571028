"""What a run needs to go on after its process has ended: `<run folder>/state/`, the newest state alone.

A state is one safetensors file: tensors, and beside them as JSON the place in the training and what has no tensor.
All runs of a pack are to go on from the same batch of an epoch. Therefore each first gets its new state as NEXT, and
only when all have it, it takes the place of the old one: whenever the process is killed, there is one that all have.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, uint8

from train_tools.engines.interface import STATE_FOLDER
from train_tools.engines.packed.config import LAST_STATE
from train_tools.workspace.files import replace, temporary_sibling
from train_tools.workspace.os_errors import os_error_of

CURRENT = LAST_STATE
NEXT = "next.safetensors"
KEY = "train_tools"


@dataclass(frozen=True, order=True)
class Place:
    """`batches` of epoch `epoch` are done (counted from 1), `step` steps in all."""

    epoch: int = 1
    batches: int = 0
    step: int = 0


@dataclass(frozen=True)
class RunState:
    """`values` is JSON; `identity` stands for all that the run's result depends on."""

    place: Place
    identity: str
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


class StateError(Exception):
    """A state that can't be used; the text says why."""


def save(states: Mapping[Path, RunState]) -> None:
    """Keeps the new states of a pack's run folders instead of their old ones.

    Raises OSError where one can't be written; the old ones are then still there.
    """
    for folder, state in states.items():
        _write(folder / STATE_FOLDER / NEXT, state)
    for folder in states:
        replace(folder / STATE_FOLDER / NEXT, folder / STATE_FOLDER / CURRENT)


def keep(folder: Path, name: str, state: RunState) -> None:
    """Of a run that has finished, so that others may go on from it; called as sd-scripts calls it."""
    _write(folder / f"{name}-state" / LAST_STATE, state)


def remove(folder: Path) -> None:
    shutil.rmtree(folder / STATE_FOLDER, ignore_errors=True)


def places(folder: Path, identity: str, warn: Callable[[str], None]) -> dict[Place, Path]:
    """The usable states of a run; `warn` hears of each that is damaged or of another training."""
    found = {}
    for name in (CURRENT, NEXT):
        path = folder / STATE_FOLDER / name
        try:
            if path.is_file():
                state = read(path, with_tensors=False)
                if state.identity != identity:
                    raise StateError("its settings, images or base model were others")
                found[state.place] = path
        except StateError as error:
            warn(f"the saved state {STATE_FOLDER}/{name} can't be used: {error}")
    return found


def read(path: Path, *, with_tensors: bool = True) -> RunState:
    """Checks every number; raises StateError where the file isn't whole as it was written."""
    tensors = {}
    try:
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})[KEY])
            if set(said["checksums"]) != set(file.keys()):
                raise StateError("it is not whole")
            for name, expected in said["checksums"].items():
                tensor = file.get_tensor(name)
                if checksum(tensor) != expected:
                    raise StateError(f"{name} is damaged")
                if with_tensors:
                    tensors[name] = tensor.clone()  # not kept mapped: the file is replaced later
        return RunState(Place(**said["place"]), said["identity"], tensors, said["values"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"it is not whole ({error})") from error


def group(found: Sequence[Mapping[Place, Path]]) -> list[dict[int, Place | None]]:
    """Runs (by index) that go on together, each from its place; None for one without a state, which starts anew.

    They stand at the same batch of an epoch, whichever it is. What most runs have is taken first, the furthest among
    equals.
    """
    left = {index: set(places_of) for index, places_of in enumerate(found)}
    groups = []
    while left:
        choices: dict[int, dict[int, Place | None]] = {}
        for index, own in left.items():
            if not own:
                choices.setdefault(0, {})[index] = None
            for place in sorted(own):
                choices.setdefault(place.batches, {})[index] = place
        best = max(choices.values(), key=_worth)
        groups.append(best)
        for index in best:
            del left[index]
    return groups


def _worth(members: Mapping[int, Place | None]) -> tuple[int, Place]:
    return len(members), max(place or Place() for place in members.values())


def checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.contiguous().flatten().view(uint8).numpy())


def _write(path: Path, state: RunState) -> None:
    said = {
        "place": asdict(state.place),
        "identity": state.identity,
        "values": state.values,
        "checksums": {name: checksum(tensor) for name, tensor in state.tensors.items()},
    }
    path.parent.mkdir(exist_ok=True)
    for left_by_a_crash in path.parent.glob(".*"):
        left_by_a_crash.unlink(missing_ok=True)
    temporary = temporary_sibling(path)
    try:
        # Straight to disk: a large run's state would not fit into memory a second time.
        save_file(dict(state.tensors), temporary, {KEY: json.dumps(said)})
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        replace(temporary, path)
    except SafetensorError as error:  # how the library passes on a full disk
        raise os_error_of(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
