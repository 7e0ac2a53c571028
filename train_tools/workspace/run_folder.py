"""What a run's folder says about it: its record (run.json) and its arguments (run.toml), as they were written last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace import toml
from train_tools.workspace.files import read_json
from train_tools.workspace.workspace import folders_in

RECORD = "run.json"
ARGUMENTS = "run.toml"
ACTIVE = ("queued", "running")
STATES = (*ACTIVE, "finished", "failed", "cancelled", "interrupted", "paused")


@dataclass(frozen=True)
class RunRecord:
    """Times are seconds since 1970. `digest` is over what decides the run's result. `epochs` is 0 where
    max_train_epochs says it.

    While a run is active, `pid` and `process_started` name the process that answers for it; a queued one
    without waits in the queue, which needs no process to be remembered. `supervisor` is the process that started a
    running one and will write how it ended. `dataset_parts` are what `dataset_fingerprint` is made of.
    """

    run_id: str
    digest: str
    state: str
    engine: str
    steps: int
    output_name: str
    dataset_fingerprint: str
    attempt: int = 1
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    pid: int | None = None
    process_started: float | None = None
    error: str | None = None
    epochs: int = 0
    supervisor: int | None = None
    supervisor_started: float | None = None
    dataset_parts: Mapping[str, str] = field(default_factory=dict)


def read_record(folder: Path) -> RunRecord | None:
    """None where there is none of ours.

    An active run is `interrupted` where its process is gone, and the one that would write how it ended.
    """
    try:
        data = read_json(folder / RECORD)
    except (OSError, TrainToolsError):
        return None
    if not isinstance(data, Mapping):
        return None
    known = {known.name for known in fields(RunRecord)}
    try:
        record = RunRecord(**{name: value for name, value in data.items() if name in known})
    except TypeError:
        return None
    waits = record.state == "queued" and record.pid is None
    if record.state in ACTIVE and not waits and not (has_process(record) or _has_supervisor(record)):
        return replace(record, state="interrupted")
    return record if record.state in STATES else None


def has_process(record: RunRecord) -> bool:
    """Whether the process that answers for an active run is there."""
    return is_alive(record.pid, record.process_started)


def _has_supervisor(record: RunRecord) -> bool:
    return record.state == "running" and is_alive(record.supervisor, record.supervisor_started)


def root_of(run: Path) -> Path | None:
    """Of `<root>/train_tools/projects/<project>/versions/<version>/trains/<run>`; one that lies elsewhere has none."""
    parents = run.absolute().parents
    is_ours = len(parents) > 6 and parents[0].name == "trains" and parents[5].name == "train_tools"
    return parents[6] if is_ours else None


def caches_of(run: Path) -> Path | None:
    """The folder for what runs may share, `<root>/train_tools/cache`."""
    root = root_of(run)
    return root / "train_tools" / "cache" if root else None


def active_runs(trains: Path) -> list[str]:
    """The run folders of `trains` that a process is training or has queued."""
    return [
        folder.name
        for folder in folders_in(trains)
        if (record := read_record(folder)) is not None and record.state in ACTIVE
    ]


def read_arguments(folder: Path) -> dict[str, Any]:
    """run.toml of `<root>/train_tools/projects/<project>/versions/<version>/trains/<run>`.

    A finished run's file is never changed. Where the version, the project or the whole workspace has another
    name or place by now, the paths in it that lay inside are given as they are today.
    """
    arguments = toml.load(folder / ARGUMENTS)
    then = arguments.get("output_dir")
    if not isinstance(then, str):
        return arguments
    old, new = pure_path(then) / "-", folder.absolute() / "-"
    # The run's folder, the version's and train_tools: the closest that holds a path says where it is now.
    moves = [
        (old.parents[depth], new.parents[depth])
        for depth in (0, 2, 6)
        if depth < min(len(old.parents), len(new.parents))
    ]
    return {name: rebased(value, moves) for name, value in arguments.items()}


def pure_path(text: str) -> PurePath:
    """A path as the system that wrote it reads it: a workspace may have come from Windows."""
    is_windows = PureWindowsPath(text).drive and not PurePosixPath(text).is_absolute()
    return PureWindowsPath(text) if is_windows else PurePosixPath(text)


def rebased(value: Any, moves: list[tuple[PurePath, Path]]) -> Any:
    """`value`, or the path that it has become where it lay in one of the moved folders."""
    if not isinstance(value, str) or not ("/" in value or "\\" in value):
        return value
    path = pure_path(value)
    for old, new in moves:
        if type(path) is type(old) and path.is_relative_to(old):
            return str(new.joinpath(*path.relative_to(old).parts))
    return value


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process is there and is still the same: a process id is used again after a while."""
    if pid is None:
        return False
    now = process_start(pid)
    return now is not None and (started is None or abs(now - started) < 2)


def process_start(pid: int) -> float | None:
    """When a process started, in seconds since 1970, on Linux since the boot; None where it is gone or ended.

    What it is compared with must not move with the system's clock.
    """
    if Path("/proc/self/stat").exists():
        return _start_from_proc(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _start_from_proc(pid: int) -> float | None:
    """Linux's own record of it."""
    try:
        # The name in parentheses may hold blanks.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    fields_after_name = text.split()
    started = int(fields_after_name[19]) / os.sysconf("SC_CLK_TCK")
    return None if fields_after_name[0] in "ZX" else started
