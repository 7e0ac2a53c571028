"""Where a running host answers our own processes, and the token that opens it.

It lies in a folder of the user's own and not below the root: a webui serves what lies in its `outputs` to everybody who
reaches it. Its name comes from the root's place and the machine's name, as homes may be shared by several machines.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.workspace.files import replace, temporary_sibling

TOKEN_HEADER = "X-Train-Tools-Token"
GRANTED = b"granted"  # begins the first line of an answer that lasts as long as what was asked for is held
FOLDER_VARIABLE = (
    "TRAIN_TOOLS_RUN_FOLDER"  # for containers and the like, where both sides have no other place in common
)
NAME = "train-tools"


@dataclass(frozen=True)
class Address:
    """`port` is on 127.0.0.1; `pid` and `started` (seconds since 1970) are for people who wonder whose file it is."""

    port: int
    token: str
    pid: int
    started: float
    name: str


def folders(environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Where the file may lie, best first.

    The runtime folder comes after the home's: it goes with the user's last session, while a webui that was started
    over the network stays; and a service has no such folder.
    """
    if chosen := environ.get(FOLDER_VARIABLE):
        yield Path(chosen)
        return
    if sys.platform == "win32":
        if local := environ.get("LOCALAPPDATA"):
            yield Path(local) / NAME
        yield Path(tempfile.gettempdir()) / NAME
        return
    with contextlib.suppress(RuntimeError):  # a user without a home
        home = Path.home()
        yield Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / NAME
        yield Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / NAME
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and is_own(Path(runtime)):
        yield Path(runtime) / NAME
    yield Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"


def is_own(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else may write into."""
    if sys.platform == "win32":
        return folder.is_dir()  # what it inherits is the user's
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def is_trusted(folder: Path) -> bool:
    return FOLDER_VARIABLE in os.environ or is_own(folder)


def files(root: Path) -> Iterator[Path]:
    """Of this root, on this machine."""
    place = os.path.normcase(os.path.realpath(root))
    key = hashlib.sha256(f"{platform.node()}\n{place}".encode()).hexdigest()[:32]
    for folder in folders():
        yield folder / f"{key}.json"


def write(root: Path, address: Address) -> Path:
    """Readable by its owner alone: who knows the token can make pictures and free the GPU.

    Raises OSError where none of the user's folders can be written.
    """
    (root / "train_tools" / "host.json").unlink(missing_ok=True)  # where an older version kept it
    tried = []
    for path in files(root):
        try:
            write_private(path, asdict(address))
        except OSError as error:
            tried.append(f"{path.parent}: {error.strerror or error}")
            continue
        for other in files(root):
            if other != path:  # of an earlier host with other folders
                with contextlib.suppress(OSError):
                    other.unlink()
        return path
    raise OSError(f"no folder can be written; set {FOLDER_VARIABLE} to one of yours ({'; '.join(tried)})")


def write_private(path: Path, document: Mapping[str, Any]) -> None:
    """A file of the user's alone, in one of `folders`. Raises OSError, also where others may write into the folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_trusted(path.parent):
        raise PermissionError(1, "others may write there", str(path.parent))
    temporary = temporary_sibling(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(root: Path) -> Address | None:
    """The newest; None where there is none, or none that can be understood."""
    return max(found, key=lambda address: address.started) if (found := list(_all(root))) else None


def _all(root: Path) -> Iterator[Address]:
    for path in files(root):
        if not is_trusted(path.parent):
            continue  # somebody else could have us ask a server of theirs
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(path.read_text(encoding="utf-8"))
            yield Address(
                int(found["port"]),
                str(found["token"]),
                int(found["pid"]),
                float(found["started"]),
                str(found["name"]),
            )


def remove(root: Path, token: str) -> None:
    """Only one's own: another host may have taken the root over."""
    for path in files(root):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(path.read_text(encoding="utf-8"))["token"] == token:
                path.unlink()
