"""What stands for a model file's content: its SHA-256, read once and remembered by path, size and times.

Reading 7 GB takes from seconds to a minute, and who asks mustn't wait for it: `Library.look` gives what is known, and
has the rest read by a thread in the background. Until that is done a file is told from others by what its disk says
of it, which never takes two files for one. `Library.read` waits; a job that is about to load the model may.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json

FILE = "models.json"  # in <root>/train_tools/cache
AT_ONCE = 64 << 20  # bytes; a smaller file is read without asking: it takes a tenth of a second
BLOCK = 4 << 20
KEPT = 2000  # files that are remembered
SCHEMA = 1
WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".json")  # of a diffusers folder

Report = Callable[[int, int], None]  # bytes done, of
_guard = threading.Lock()
_read_here: dict[str, str] = {}  # by this process


@dataclass(frozen=True)
class Look:
    """A file as its disk tells of it, with the content's SHA-256; "" where it isn't read yet or isn't there."""

    path: str
    size: int
    modified_ns: int
    changed_ns: int  # when its entry was changed; on Windows when it was made
    sha256: str = ""

    @property
    def is_there(self) -> bool:
        return self.modified_ns > 0

    @property
    def key(self) -> str:
        return f"{os.path.normcase(self.path)}|{self.size}|{self.modified_ns}|{self.changed_ns}"

    @property
    def token(self) -> str:
        """Never the same for two contents. It changes once, when the content is known."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        return f"unread:{self.key}" if self.is_there else f"missing:{os.path.normcase(self.path)}"


class Library:
    """The models that were looked at from one root; what is known of them outlives the process."""

    def __init__(self, root: Path) -> None:
        self._file = root / "train_tools" / "cache" / FILE

    def look(self, path: str | Path) -> Look:
        """What is known now; what isn't known yet is read in the background."""
        seen = _looked_at(path)
        known = _remembered(self._file)
        missing = [one for one in seen if one.key not in known and one.is_there]
        for one in missing:
            if one.size <= AT_ONCE:
                known = {**known, **self._remember(one, _hash(one))}
        if any(one.key not in known for one in missing):
            _reader().ask(self, str(path))
        return _whole(path, seen, known)

    def read(self, path: str | Path, report: Report = lambda _done, _of: None) -> Look:
        """With its SHA-256, however long that takes; without it where the file can't be read."""
        seen = _looked_at(path)
        known = _remembered(self._file)
        missing = [one for one in seen if one.key not in known and one.is_there]
        total, done = sum(one.size for one in missing), 0
        for one in missing:
            start = done

            def said(of_file: int, start: int = start) -> None:
                report(start + of_file, total)

            known = {**known, **self._remember(one, _hash(one, said))}
            done += one.size
        return _whole(path, seen, known)

    def remembered(self, look: Look) -> str:
        """The SHA-256 of a file as it was then, where it was read then; else ""."""
        return look.sha256 or _remembered(self._file).get(look.key, "")

    def namesakes(self, look: Look) -> bool:
        """Whether another file of the same name and size was ever read here."""
        name = os.path.normcase(Path(look.path).name)
        others = (key.split("|") for key in _remembered(self._file) if key != look.key)
        return any(
            Path(parts[0]).name == name and parts[1] == str(look.size) for parts in others if len(parts) > 2
        )

    def _remember(self, look: Look, sha256: str) -> dict[str, str]:
        if not sha256:
            return {}
        _read_here[look.key] = sha256
        if look.size <= AT_ONCE:  # not worth a line in a file; a plan writes nothing
            return {look.key: sha256}
        with _guard:
            known = {**_written(self._file), look.key: sha256}
            newest = dict(list(known.items())[-KEPT:])
            # It is a cache: where it can't be written the file is read again.
            with contextlib.suppress(OSError):
                write_json(self._file, {"schema": SCHEMA, "sha256": newest})
        return {look.key: sha256}


def file_hash(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal; what the webui and Civitai call the model's hash."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def legacy_hash(path: Path) -> str:
    """The webui's first hash of a model file: of 64 KiB in it."""
    with path.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def _looked_at(path: str | Path) -> list[Look]:
    """The file, or all files of a diffusers folder that hold weights or say how they are built."""
    here = Path(os.path.abspath(path))
    if here.is_dir():
        inside = (file for file in sorted(here.rglob("*")) if file.suffix.lower() in WEIGHTS)
        return [_one(file) for file in inside if file.is_file()]
    return [_one(here)]


def _one(file: Path) -> Look:
    try:
        status = file.stat()
    except OSError:
        return Look(str(file), 0, 0, 0)
    return Look(str(file), status.st_size, max(1, status.st_mtime_ns), status.st_ctime_ns)


def _whole(path: str | Path, seen: list[Look], known: dict[str, str]) -> Look:
    """Of a folder: over its files' names and contents."""
    here = os.path.abspath(path)
    contents = [known.get(one.key, "") for one in seen]
    if len(seen) == 1 and seen[0].path == here:
        one = seen[0]
        return Look(one.path, one.size, one.modified_ns, one.changed_ns, contents[0])
    return Look(
        here,
        sum(one.size for one in seen),
        max((one.modified_ns for one in seen), default=0),
        max((one.changed_ns for one in seen), default=0),
        _together((os.path.relpath(one.path, here) for one in seen), contents),
    )


def _together(names: Iterable[str], contents: list[str]) -> str:
    if not contents or not all(contents):
        return ""
    lines = (f"{Path(name).as_posix()} {sha}\n" for name, sha in zip(names, contents, strict=True))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _hash(look: Look, report: Callable[[int], None] = lambda _done: None) -> str:
    """Of the file's content; "" where it can't be read, or was written to meanwhile."""
    digest, done = hashlib.sha256(), 0
    try:
        with open(look.path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                done += len(block)
                report(done)
    except OSError:
        return ""
    return digest.hexdigest() if _one(Path(look.path)).key == look.key else ""


def _remembered(file: Path) -> dict[str, str]:
    return {**_written(file), **_read_here}


def _written(file: Path) -> dict[str, str]:
    try:
        status = file.stat()
    except OSError:
        return {}
    return _read(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=8)
def _read(file: Path, _changed: int, _size: int) -> dict[str, str]:
    try:
        data: Any = read_json(file)
        return dict(data["sha256"]) if data["schema"] == SCHEMA else {}
    except (OSError, TrainToolsError, KeyError, TypeError, ValueError):
        return {}


class _Reader:
    """Reads one file after the other, in a thread that ends with the process."""

    def __init__(self) -> None:
        self._waiting: dict[str, Library] = {}
        self._there = threading.Condition()
        threading.Thread(target=self._work, name="model-reader", daemon=True).start()

    def ask(self, library: Library, path: str) -> None:
        with self._there:
            self._waiting.setdefault(os.path.abspath(path), library)
            self._there.notify()

    def _work(self) -> None:
        while True:
            with self._there:
                while not self._waiting:
                    self._there.wait()
                path, library = next(iter(self._waiting.items()))
            # Whatever goes wrong with one file, the next is read.
            with contextlib.suppress(Exception):
                library.read(path)
            with self._there:
                self._waiting.pop(path, None)


@functools.cache
def _reader() -> _Reader:
    return _Reader()
