"""Has the system refuse to write below a folder, as a full, read-only or failing disk does.

Python tells its audit hooks of every file that it opens, renames, makes or removes, whoever asks for it; an exception
in one is what the caller gets. Written with real answers of Linux for a full tmpfs, a read-only mount and chmod.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compare.samples import add_pictures, add_run, cell, picture

from train_tools import cli
from train_tools.small_models import base_model_file
from train_tools.workspace.workspace import Workspace

NUMBERS = {
    "full": errno.ENOSPC,
    "not allowed": errno.EACCES,
    "read-only": errno.EROFS,
    "failing": errno.EIO,
}
SAID_BY_SQLITE = {
    errno.ENOSPC: "database or disk is full",
    errno.EACCES: "unable to open database file",
    errno.EROFS: "attempt to write a readonly database",
    errno.EIO: "disk I/O error",
}
V = "zorb v1"
MAKING = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate"}


@dataclass
class Trouble:
    number: int
    root: str

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect" and self._is_ours(args[0]):
            raise sqlite3.OperationalError(SAID_BY_SQLITE[self.number])
        if event == "open" and self._is_ours(args[0]) and self._writes(*args[1:3]):
            raise OSError(self.number, os.strerror(self.number), args[0])
        if event in MAKING and self._is_ours(args[0]):
            names = [name for name in args[:2] if isinstance(name, (str, bytes))]
            second = [None, names[1]] if len(names) == 2 else []
            raise OSError(self.number, os.strerror(self.number), names[0], *second)

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.path.abspath(os.fsdecode(path)).startswith(
            self.root
        )

    def _writes(self, mode: str | None, flags: int) -> bool:
        if mode is not None:
            return any(letter in mode for letter in "wax+")
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


_troubles: list[Trouble] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    for trouble in _troubles:
        trouble.heard(event, args)


_hooked: list[bool] = []


@contextlib.contextmanager
def no_writing(kind: str, root: Path) -> Iterator[None]:
    """Nothing can be opened for writing, made, renamed or removed below `root`."""
    if not _hooked:  # a hook can't be taken back
        sys.addaudithook(_hook)
        _hooked.append(True)
    _troubles.append(Trouble(NUMBERS[kind], str(root)))
    try:
        yield
    finally:
        _troubles.clear()


@contextlib.contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files can be made; what is written into them doesn't get to the disk."""

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        yield


@contextlib.contextmanager
def no_bytes() -> Iterator[None]:
    """Files can be made, and no byte can be written into them: for real, by the process's limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(root: Path) -> dict[str, bytes]:
    """What a person made: locks, logs, the queue's database and what is made again are left out."""
    left_out = (".lock", ".log", ".sqlite3", "-wal", "-shm", ".writing.json", ".counts.json", "known.json")
    parts = {"cache", ".cache", ".thumbnails"}
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(left_out) and not parts & set(path.parts)
    }


def full_root(base: Path) -> Path:
    """`base/root` in which each command and route has something to do; zips and a settings file beside it."""
    root, picture_file = base / "root", base / "a.png"
    picture().save(picture_file)

    def do(words: str) -> None:
        assert cli.main([*words.split(), "--root", str(root)]) == 0, words

    for words in (
        "project create zorb", f"version create {V}", f"dataset add {V} {picture_file}",
        f"dataset process {V} --set repeats=1", f"dataset process {V} --set repeats=3",
        f"presets save kept {V} --set seed=2", "project create gone", "project delete gone",
        f"settings set {V} training.seed=7", f"captions set {V} red,red,circle --image *",
        f"captions add {V} dot", f"captions add {V} line", f"captions undo {V}",
    ):  # fmt: skip
        do(words)
    version = Workspace(root).version("zorb", "v1")
    pictures = {}
    for file in add_run(version, "run", 2, pretrained_model_name_or_path=str(base_model_file())):
        pictures[cell("run", file.name, 1, "zorb", 1.0, file.stem)] = picture()
    add_pictures(version, pictures)
    do("queue pause --lane x")
    do(f"queue add {V} --lane x --set max_train_epochs=1 --set optimizer_type=Lion")
    do(f"project export zorb --output {base / 'all.zip'}")
    do(f"version export {V} --output {base / 'one.zip'}")
    (base / "sd.toml").write_text("learning_rate = 1e-4\ncaption_extension = '.txt'\n", encoding="utf-8")
    picture((1, 2, 3)).save(base / "b.png")
    return root
