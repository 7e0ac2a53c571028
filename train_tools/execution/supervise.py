"""Starts an engine's process, follows its events and ends it in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import train_tools
from train_tools.engines.interface import ASKING, JOIN_FILE, PAUSE_FILE, Engine
from train_tools.engines.lifeline import SUPERVISED
from train_tools.errors import TrainToolsError
from train_tools.execution.events import EventReader
from train_tools.workspace.files import free_name, temporary_sibling, write_text

LOG = "train.log"
POLL_S = 0.2
GRACE_S = 10.0  # between asking the process to end and ending it
LAST_LINES = 8

PAUSE_S = 120.0  # given to an engine to pause, before it is ended; it may be loading

GO_ON, PAUSE, END = "", "pause", "end"
ENDING_EVENTS = ("finished", "failed", "paused")  # after which an engine is through with a run's folder

OnEvent = Callable[[int, dict[str, Any]], None]  # index of the run's folder, event
OnStart = Callable[[int], None]  # process id
Wish = Callable[[], str]  # GO_ON, PAUSE, or END to end at once
Asked = tuple[str, str]  # the name of a file that asks something of a run alone, and what stands in it
OfOne = Callable[[], Mapping[int, Asked]]  # by the run's index
Joining = Callable[
    [], Sequence[Path]
]  # all folders that are to join so far; their indices follow the others'


def go_on() -> str:
    return GO_ON


def supervise(
    engine: Engine,
    folders: Sequence[Path],
    on_start: OnStart,
    on_event: OnEvent,
    wish: Wish = go_on,
    of_one: OfOne = dict,
    joining: Joining = list,
) -> int:
    """Trains the run folders in one process and returns its exit code.

    Its output goes to train.log of each folder. `wish`, `of_one` and `joining` are asked again and again. The process
    ends with this one, however this one ends. A run that has ended is left alone from then on, as others may take its
    folder.
    KeyboardInterrupt and errors in a callback are passed on after the process has been ended. Raises TrainToolsError
    where it can't be started.
    """
    watch = _Watch(folders, on_event)
    with _log_of(folders[0]) as log:
        watch.share_log()
        process = _start(engine.command([folder.absolute() for folder in folders]), log)
        try:
            on_start(process.pid)
            pause_until: float | None = None
            while process.poll() is None:
                watch.look()
                wished = wish()
                if wished == PAUSE and pause_until is None:
                    watch.ask_all(PAUSE_FILE)
                    pause_until = time.monotonic() + PAUSE_S
                watch.ask_each(of_one())
                watch.invite(joining())
                if wished == END or (pause_until is not None and time.monotonic() > pause_until):
                    end_process(process)
                time.sleep(POLL_S)
        finally:
            end_process(process)
            watch.close()
    watch.look()
    return process.returncode


class _Watch:
    """The folders of the runs that haven't ended yet: what is heard of them, and what is asked by files in them."""

    def __init__(self, folders: Sequence[Path], on_event: OnEvent) -> None:
        self._folders = dict(enumerate(folders))
        self._invited: dict[int, Path] = {}  # those that nothing was heard of yet
        self._asked_in: tuple[Path, str] | None = None
        self._first = folders[0]
        self._readers = [EventReader(folder, from_now=True) for folder in folders]
        self._began = len(folders)
        self._on_event = on_event
        self._is_one_log = True
        self._asked: dict[int, Asked] = {}
        for folder in folders:
            _take_back(folder)

    def look(self) -> None:
        for index in list(self._folders):
            for event in self._readers[index].read():
                if self._invited.pop(index, None):
                    self._share_log(self._folders[index])
                if event["event"] in ENDING_EVENTS and index in self._folders:
                    self._leave(index)  # first: whoever hears of it may give the folder to another
                self._on_event(index, event)

    def _leave(self, index: int) -> None:
        folder = self._folders.pop(index)
        _take_back(folder)
        self._copy_log(folder)

    def ask_all(self, file: str) -> None:
        for folder in self._folders.values():
            _put(folder / file)

    def ask_each(self, wanted: Mapping[int, Asked]) -> None:
        """Puts the file into each run's folder, and takes it back where it isn't wanted any more."""
        for index, asked in self._asked.items():
            if index in self._folders and wanted.get(index) != asked:
                _remove(self._folders[index] / asked[0])
        for index, asked in wanted.items():
            if index in self._folders and self._asked.get(index) != asked:
                _put(self._folders[index] / asked[0], asked[1])
        self._asked = dict(wanted)

    def invite(self, joining: Sequence[Path]) -> None:
        """Asks them in by a file in the folder of a run that is trained."""
        for folder in joining[len(self._readers) - self._began :]:
            _take_back(folder)
            index = len(self._readers)
            self._readers.append(EventReader(folder, from_now=True))
            self._folders[index] = self._invited[index] = folder
        hosts = [folder for index, folder in self._folders.items() if index not in self._invited]
        if not self._invited or not hosts:
            return
        text = "".join(f"{folder.absolute()}\n" for folder in self._invited.values())
        if self._asked_in != (hosts[0], text) or not (hosts[0] / JOIN_FILE).exists():
            with contextlib.suppress(OSError, TrainToolsError):
                write_text(hosts[0] / JOIN_FILE, text)
            self._asked_in = hosts[0], text

    def close(self) -> None:
        for index, folder in self._folders.items():
            _take_back(folder)
            if index not in self._invited:
                self._copy_log(folder)

    def share_log(self) -> None:
        """Gives all runs of the pack the same log file, where the file system has hard links."""
        for folder in list(self._folders.values())[1:]:
            self._share_log(folder)

    def _share_log(self, folder: Path) -> None:
        log = folder / LOG
        try:
            # Of another pack, before it went on in this.
            if log.exists() and not log.samefile(self._first / LOG):
                log.rename(free_name(folder, f"earlier-{LOG}"))
            if not log.exists():
                os.link(self._first / LOG, log)
        except OSError:
            self._is_one_log = False

    def _copy_log(self, folder: Path) -> None:
        if self._is_one_log or (folder / LOG).exists():
            return
        with contextlib.suppress(OSError):  # deleted meanwhile
            shutil.copyfile(self._first / LOG, folder / LOG)


def _take_back(folder: Path) -> None:
    for file in ASKING:
        _remove(folder / file)


def _put(file: Path, text: str = "") -> None:
    with contextlib.suppress(OSError):  # deleted meanwhile
        temporary = temporary_sibling(file)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)  # whoever looks for it reads it whole


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)


def _log_of(folder: Path) -> IO[bytes]:
    try:
        return (folder / LOG).open("ab")
    except FileNotFoundError as error:
        raise TrainToolsError(f"{folder} was deleted") from error


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
        # Started by a worker without a console, it would open a window of its own.
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
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
