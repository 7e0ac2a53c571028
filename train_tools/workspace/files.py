"""Files that are either the old one or the new one, whole, whenever the power goes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.os_errors import sentence_of, with_name

TEMPORARY = ".tmp-"  # start of the names of everything unfinished; lists skip names that start with a dot


def temporary_sibling(path: Path) -> Path:
    """A free hidden name in the folder of `path`, so that a rename to `path` stays on one disk."""
    return path.with_name(f"{TEMPORARY}{secrets.token_hex(6)}")


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces or makes `path` (and its folders); an OSError names it and leaves the old file."""
    write_pieces(path, [data])


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """As `write_bytes`, of what is too much to hold at once."""
    temporary = temporary_sibling(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # a drive that is gone takes that back by itself
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            with_name(error, path)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Raises TrainToolsError naming the file where it isn't JSON, FileNotFoundError where it isn't there."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise TrainToolsError(f"{path} can't be read as JSON ({error}); mend it or move it away") from error


def append_line(path: Path, text: str) -> None:
    """Adds one line (`text` holds no newline), never onto one that a crash cut off; raises OSError that names it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
            cut_off = end > 0 and file.read(1) != b"\n"
            file.write((b"\n" if cut_off else b"") + text.encode("utf-8") + b"\n")
    except OSError as error:
        raise with_name(error, path)  # noqa: B904 - it is the same one


def replace(source: Path, target: Path) -> None:
    """Renames over `target` and makes the rename last; on Windows waits out a reader that has it open."""
    for attempt in range(20):
        try:
            source.replace(target)
            break
        except PermissionError:
            if os.name != "nt" or attempt == 19:
                raise
            time.sleep(0.05)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames inside `folder` survive a power cut; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse this; the rename itself is done and must not count as failed.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def time_stamp() -> str:
    """Now, in a form that sorts and that every file system holds: 20260131-235959."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def free_name(folder: Path, name: str) -> Path:
    """`folder/name`, or `folder/name-2` and so on where that is taken."""
    path = folder / name
    number = 2
    while os.path.lexists(path):
        path = folder / f"{name}-{number}"
        number += 1
    return path


def move_to_trash(path: Path, trash: Path) -> Path:
    """Moves a file or folder to `<trash>/<time stamp>-<name>`; a `.json` beside it says where it was."""
    trash.mkdir(parents=True, exist_ok=True)
    target = free_name(trash, f"{time_stamp()}-{path.name}")
    note = target.with_name(f"{target.name}.json")
    write_json(note, {"from": Path(os.path.relpath(path, trash.parent)).as_posix()})
    try:
        replace(path, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        raise TrainToolsError(f"nothing was deleted: {sentence_of(error, path)}") from error
    return target


def plain_path(text: str) -> str:
    """Returns `text`, a relative path with `/`, as it may stand in a file that came in anybody's zip.

    Raises ValueError where it leads out of its folder on any system.
    """
    for path in (PurePosixPath(text), PureWindowsPath(text)):
        if path.is_absolute() or path.drive or path.root or ".." in path.parts or not path.parts:
            raise ValueError(f"{text!r} leads out of its folder")
    return text


def require_inside(path: Path, root: Path) -> Path:
    """Returns `path`; raises UsageError where a link on its way leads out of `root`."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{path} is a link that leads out of {root}; replace it by a folder")
    return path
