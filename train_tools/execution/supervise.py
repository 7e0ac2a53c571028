"""Starts an engine's process, follows its events and ends it in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import train_tools
from train_tools.engines.interface import PAUSE_FILE, Engine
from train_tools.engines.lifeline import SUPERVISED
from train_tools.errors import TrainToolsError
from train_tools.execution.events import EventReader
from train_tools.workspace.files import free_name

LOG = "train.log"
POLL_S = 0.2
GRACE_S = 10.0  # between asking the process to end and ending it
LAST_LINES = 8

PAUSE_S = 120.0  # given to an engine to pause, before it is ended; it may be loading

PAUSE, END = "pause", "end"

OnEvent = Callable[[int, dict[str, Any]], None]  # index of the run's folder, event
OnStart = Callable[[int], None]  # process id
Wish = Callable[[], str]  # "" to go on, PAUSE to pause, END to end at once


def go_on() -> str:
    return ""


def supervise(
    engine: Engine, folders: Sequence[Path], on_start: OnStart, on_event: OnEvent, wish: Wish = go_on
) -> int:
    """Trains the run folders in one process and returns its exit code.

    Its output goes to train.log of each folder. `wish` is asked again and again. The process ends with this one,
    however this one ends. KeyboardInterrupt and errors in a callback are passed on after the process has been
    ended. Raises TrainToolsError where it can't be started.
    """
    _take_back_pause(folders)
    readers = [EventReader(folder, from_now=True) for folder in folders]
    with _log_of(folders[0]) as log:
        shares_one_file = _link_log(folders)
        process = _start(engine.command([folder.absolute() for folder in folders]), log)
        try:
            on_start(process.pid)
            pause_until: float | None = None
            while process.poll() is None:
                _pass_on(readers, on_event)
                wished = wish()
                if wished == PAUSE and pause_until is None:
                    _ask_to_pause(folders)
                    pause_until = time.monotonic() + PAUSE_S
                if wished == END or (pause_until is not None and time.monotonic() > pause_until):
                    end_process(process)
                time.sleep(POLL_S)
        finally:
            end_process(process)
            _take_back_pause(folders)
            if not shares_one_file:
                _copy_log(folders)
    _pass_on(readers, on_event)
    return process.returncode


def _log_of(folder: Path) -> IO[bytes]:
    try:
        return (folder / LOG).open("ab")
    except FileNotFoundError as error:
        raise TrainToolsError(f"{folder} was deleted") from error


def _ask_to_pause(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # deleted meanwhile
            (folder / PAUSE_FILE).touch()


def _take_back_pause(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            (folder / PAUSE_FILE).unlink(missing_ok=True)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Asks the process and its children to end, and ends them where they don't within GRACE_S."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # asked twice: at once
            _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()
    if process.stdin is not None:
        process.stdin.close()  # its lifeline, see engines.lifeline


def last_lines(folder: Path) -> str:
    """The end of train.log, for an error message."""
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_LINES:])


def _start(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C reaches us alone, and we end the engine in order.
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**environment(), SUPERVISED: "1"},
            **group,
        )
    except OSError as error:
        raise TrainToolsError(f"the engine can't be started ({command[0]}: {error.strerror})") from error


def environment() -> dict[str, str]:
    """Ours; the engine is found wherever we were started, and its output comes line by line in UTF-8."""
    package_parent = str(Path(train_tools.__file__).absolute().parent.parent)
    paths = [package_parent, os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, number)


def _pass_on(readers: Sequence[EventReader], on_event: OnEvent) -> None:
    for index, reader in enumerate(readers):
        for event in reader.read():
            on_event(index, event)


def _link_log(folders: Sequence[Path]) -> bool:
    """Gives all runs of the pack the same log file; False where the file system has no hard links."""
    try:
        for folder in folders[1:]:
            log = folder / LOG
            if log.exists() and not log.samefile(
                folders[0] / LOG
            ):  # of another pack, before it went on in this
                log.rename(free_name(folder, f"earlier-{LOG}"))
            if not log.exists():
                os.link(folders[0] / LOG, log)
    except OSError:
        return False
    return True


def _copy_log(folders: Sequence[Path]) -> None:
    for folder in folders[1:]:
        if not (folder / LOG).exists():
            shutil.copyfile(folders[0] / LOG, folder / LOG)
