"""All checkpoints of a version, found quickly: what their heads say is remembered by size and time of change."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.place import cache
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution.runs import checkpoints_in
from train_tools.lora.safetensors_header import read_header
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.run_folder import ARGUMENTS, RECORD, read_arguments, read_record
from train_tools.workspace.workspace import Version, folders_in

FILE = "checkpoints.json"
ID_LENGTH = 16  # hex digits
SHARE_READ_AGAIN = 100  # one in so many checkpoints may be unknown to the file


@dataclass(frozen=True)
class Checkpoint:
    """A LoRA file. `id` is made from its content; `epoch` and `step` are 0 where the file doesn't say.

    `fault` says why it can't be used, empty where it can.
    """

    run: str
    file: str
    id: str
    epoch: int
    step: int
    bytes: int
    fault: str = ""

    @property
    def name(self) -> str:
        return f"{self.run}/{self.file}"

    def path(self, version: Version) -> Path:
        return version.trains / self.run / self.file


@dataclass(frozen=True)
class Run:
    """A run folder's name, and its run.toml; empty where it has none that can be read. `data` stands for what it was
    trained on, as it was then; "" where that isn't known. `created` is in seconds since 1970.
    """

    name: str
    arguments: Mapping[str, Any]
    data: str = ""
    created: float = 0.0


def find_runs(version: Version) -> list[Run]:
    """All run folders by name."""
    return [_run(folder) for folder in folders_in(version.trains)]


def _run(folder: Path) -> Run:
    return _run_as_it_was(folder, stamp_of_file(folder / RECORD), stamp_of_file(folder / ARGUMENTS))


def stamp_of_file(path: Path) -> tuple[int, ...]:
    """Equal as long as the file is: ours are replaced, not changed in place. Empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


@functools.lru_cache(maxsize=4096)
def _run_as_it_was(folder: Path, _record: tuple[int, ...], _arguments_file: tuple[int, ...]) -> Run:
    record = read_record(folder)
    data, created = (record.dataset_fingerprint, record.created) if record else ("", 0.0)
    return Run(folder.name, _arguments(folder), data, created)


def _arguments(folder: Path) -> dict[str, Any]:
    try:
        return read_arguments(folder) if (folder / ARGUMENTS).is_file() else {}
    except (TrainToolsError, OSError):
        return {}


def find_checkpoints(version: Version) -> list[Checkpoint]:
    """Of all runs, in the order of training within each."""
    file = cache(version) / FILE
    known = _known(file, stamp_of_file(file))
    seen: dict[str, Any] = {}
    found = []
    unknown = 0
    for folder in folders_in(version.trains):
        for path in checkpoints_in(folder):
            name = f"{folder.name}/{path.name}"
            with contextlib.suppress(OSError):  # moved away while we look
                status = path.stat()
                stamp = [status.st_size, status.st_mtime_ns]
                entry = known.get(name)
                if entry is None or entry.get("stamp") != stamp:
                    unknown += 1
                    entry = {"stamp": stamp, **asdict(_read(folder.name, path, status))}
                seen[name] = entry
                found.append(Checkpoint(**{k: v for k, v in entry.items() if k != "stamp"}))
    gone = len(known) - (len(seen) - unknown)
    # Of tens of thousands a few heads are read again sooner than all is written for each new one.
    if found and (unknown + max(0, gone)) * SHARE_READ_AGAIN > len(seen):
        with contextlib.suppress(OSError):  # a folder that can't be written is read anew each time
            write_json(file, seen)
    return found


@functools.lru_cache(maxsize=3)
def _known(file: Path, _stamp: tuple[int, ...]) -> dict[str, Any]:
    try:
        data = read_json(file)
    except (OSError, TrainToolsError):
        return {}
    fields = set(Checkpoint.__dataclass_fields__) | {"stamp"}
    entries = data.items() if isinstance(data, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, dict) and set(entry) == fields}


def _read(run: str, path: Path, status: os.stat_result) -> Checkpoint:
    metadata: Mapping[str, str] = {}
    fault = ""
    if path.suffix == ".safetensors":
        try:
            metadata = read_header(path).metadata
        except TrainToolsError as error:
            fault = str(error)
    identity = metadata.get("sshs_model_hash") or (f"{run}/{path.name} {status.st_size} {status.st_mtime_ns}")
    return Checkpoint(
        run,
        path.name,
        hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:ID_LENGTH],
        _number(metadata.get("ss_epoch")),
        _number(metadata.get("ss_steps")),
        status.st_size,
        fault,
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def checkpoint_named(checkpoints: list[Checkpoint], name: str) -> Checkpoint:
    """By `run/file`, by its id, or by its file name where only one is called so, with or without ending.

    Raises UsageError otherwise.
    """
    found = [c for c in checkpoints if name in (c.name, c.id)]
    found = found or [c for c in checkpoints if name in (c.file, Path(c.file).stem)]
    if not found:
        raise UsageError(f"there is no checkpoint {name!r}; look with `runs` or `compare board`")
    if len(found) > 1:
        names = ", ".join(c.name for c in found[:5])
        raise UsageError(f"{len(found)} checkpoints are called {name!r}; say which: {names}")
    return found[0]
