"""TensorBoard over a version's runs: their scalars written as its event files, and a process of its own on request."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.curves import Point, read_points
from train_tools.compare.place import cache
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution.supervise import environment
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.run_folder import is_alive, process_start
from train_tools.workspace.workspace import Version, folders_in

FOLDER, STATE, WRITTEN = "tensorboard", "tensorboard.json", "written.json"
LOOPBACK = "127.0.0.1"
TAGS = {"loss": "loss/current", "learning_rate": "lr"}
STARTS_S = 30.0  # until it answers; it loads a lot


@dataclass(frozen=True)
class Board:
    """A TensorBoard process; `process_started` tells it from a later one with the same number."""

    pid: int
    process_started: float | None
    port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/"

    @property
    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=0.3):
            return True
        return False


def is_installed() -> bool:
    return importlib.util.find_spec("tensorboard") is not None


def running(version: Version) -> Board | None:
    try:
        board = Board(**read_json(cache(version) / STATE))
    except (OSError, TrainToolsError, TypeError):
        return None
    return board if is_alive(board.pid, board.process_started) else None


def start(version: Version) -> Board:
    """The one that runs already, with what is new of the runs, or a new one; it may take a while to answer.

    Raises UsageError where tensorboard isn't installed.
    """
    if not is_installed():
        raise UsageError(
            "tensorboard isn't installed in the training environment; the curves of `compare curves` need nothing more"
        )
    write_events(version)
    if board := running(version):
        return board
    port = _free_port()
    folder = cache(version) / FOLDER
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", LOOPBACK,
               "--port", str(port), "--reload_interval", "10"]  # fmt: skip
    with (cache(version) / "tensorboard.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(),
            **detached,
        )
    board = Board(process.pid, process_start(process.pid), port)
    write_json(cache(version) / STATE, asdict(board))
    return board


def wait(version: Version, board: Board) -> None:
    """Until it answers. Raises TrainToolsError where it ends or doesn't answer in time, with its last words."""
    until = time.monotonic() + STARTS_S
    while not board.answers:
        if not is_alive(board.pid, board.process_started) or time.monotonic() > until:
            log = (cache(version) / "tensorboard.log").read_text("utf-8", "replace").strip().splitlines()
            raise TrainToolsError(f"TensorBoard didn't start: {log[-1] if log else 'it said nothing'}")
        time.sleep(0.1)


def stop(version: Version) -> bool:
    """Whether there was one."""
    import psutil

    board = running(version)
    if board is None:
        return False
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(board.pid)
        process.terminate()
        process.wait(10)
    (cache(version) / STATE).unlink(missing_ok=True)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def write_events(version: Version) -> None:
    """Adds what the event files of the cache lack: a run that was trained anew gets a folder of its own."""
    top = cache(version) / FOLDER
    top.mkdir(parents=True, exist_ok=True)
    try:
        written = dict(read_json(top / WRITTEN))
    except (OSError, TrainToolsError, TypeError, ValueError):
        written = {}
    for folder in folders_in(version.trains):
        points = read_points(folder)
        if not points:
            continue
        name, last = written.get(folder.name, [folder.name, 0])
        if points[-1].step < last:
            name, last = _next_name(name), 0
        fresh = [point for point in points if point.step > last]
        if fresh:
            _write(top / name, fresh)
        written[folder.name] = [name, points[-1].step]
    write_json(top / WRITTEN, written)


def _next_name(name: str) -> str:
    stem, mark, number = name.rpartition(" again ")
    return f"{stem} again {int(number) + 1}" if mark and number.isdigit() else f"{name} again 2"


def _write(folder: Path, points: Sequence[Point]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    writer = EventFileWriter(str(folder))
    for point in points:
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for name, tag in TAGS.items()
            if (value := getattr(point, name)) is not None
        ]
        writer.add_event(Event(step=point.step, wall_time=point.time, summary=Summary(value=values)))
    writer.close()
