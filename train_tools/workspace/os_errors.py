"""What the system says when it can't write, read or reach something, as one sentence for a person.

Commands, routes, tasks, jobs and engines ask here at their door, so that whoever writes a file needs no words of its
own. Starts with the standard library alone.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

# Kind -> its sentence; the hole is the file, folder or server that it is about.
SENTENCES = {
    "full": "{0} can't be written: the disk is full; make room there (the trash and earlier revisions hold much), "
    "then do the same again",
    "quota": "{0} can't be written: your disk quota is used up; make room there, then do the same again",
    "read-only": "{0} can't be written: its disk or folder is read-only; allow writing there, or choose another place",
    "denied": "{0} can't be opened or changed: this account isn't allowed to, or another program has it open; allow "
    "it, or close that program, then do the same again",
    "in use": "{0} is open in another program; close what uses it (a virus scanner or cloud storage, too), then do the "
    "same again",
    "broken": "{0} can't be read or written: its drive reports an error; look whether the drive is connected and "
    "whole, then do the same again",
    "gone": "{0} can't be reached: its drive is gone; connect it again, then do the same again",
    "missing": "{0} isn't there; look whether it was moved or its drive is gone, then do the same again",
    "long": "{0} is too long a name for this disk; choose shorter names, or a folder with a shorter path",
    "many": "{0} can't be opened: too many files are open at once; close other programs, then do the same again",
    "memory": "{0} can't be read or written: the machine is out of memory; close other programs, then do the same "
    "again",
    "large": "{0} is too large a file for its disk; choose a disk without that limit (FAT32 ends at 4 GB)",
    "name": "{0} is no name that this disk takes; choose one of letters, digits, - and _",
    "blocked": "{0} is in the way: another file or folder is needed in that place; move it away, then do the same "
    "again",
    "locked": "{0} is being written by another program; wait until that is done, then do the same again",
    "damaged": "{0} is damaged; move it away, then do the same again",
    "network": "a server can't be reached ({0}); check the network, and proxy and mirrors in `env settings`, then do "
    "the same again",
    "port": "{0}: another program has the port; close it, or choose another port",
    "other": "{0} can't be read or written ({1}); look at its disk and who may write there, then do the same again",
}
# By their names, as not every system has all of them.
ERRNOS = {
    "full": ("ENOSPC",),
    "quota": ("EDQUOT",),
    "read-only": ("EROFS",),
    "denied": ("EACCES", "EPERM"),
    "in use": ("EBUSY", "ETXTBSY", "EDEADLK", "EAGAIN"),
    "broken": ("EIO", "EUCLEAN", "EBADMSG"),
    "gone": ("ENODEV", "ENXIO", "ESTALE", "ENOTCONN", "EHOSTDOWN", "EREMOTEIO", "ENOMEDIUM", "ESHUTDOWN"),
    "missing": ("ENOENT",),
    "long": ("ENAMETOOLONG",),
    "many": ("EMFILE", "ENFILE"),
    "memory": ("ENOMEM",),
    "large": ("EFBIG",),
    "name": ("EINVAL", "EILSEQ"),
    "blocked": ("EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY"),
    "port": ("EADDRINUSE", "EADDRNOTAVAIL"),
    "network": (
        "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ETIMEDOUT", "EPIPE",
    ),
}  # fmt: skip
# Windows' own numbers say more than the errno that Python makes of them.
WINDOWS = {
    "full": (39, 112),
    "quota": (1295, 1816),
    "read-only": (19, 6009),
    "denied": (5, 65, 1314),
    "in use": (32, 33, 170, 1224),
    "broken": (23, 25, 27, 29, 30, 483, 1117, 1392, 1393),
    "gone": (15, 20, 21, 31, 51, 53, 54, 55, 59, 64, 67, 121, 1112, 1167, 1231, 1232),
    "missing": (2, 3, 4390),
    "long": (111, 206),
    "many": (4,),
    "memory": (8, 14, 1450, 1455),
    "large": (223,),
    "name": (123, 161, 267),
    "blocked": (80, 145, 183),
    "network": (10051, 10053, 10054, 10060, 10061, 10065, 11001),
    "port": (10048, 10013),
}
# SQLite tells its kinds by words.
SQLITE = (
    ("is full", "full"),
    ("readonly", "read-only"),
    ("locked", "locked"),
    ("busy", "locked"),
    ("i/o error", "broken"),
    ("unable to", "denied"),
    ("malformed", "damaged"),
    ("a database", "damaged"),
)
NETWORK_MODULES = ("socket", "ssl", "urllib.error", "http.client", "requests.exceptions", "httpx")
RUST = re.compile(r"\b[Oo]s (?:\{ code:|error) (\d+)")  # as in safetensors' errors, which are no OSError
BY_NUMBER = {
    getattr(errno, name): kind for kind, names in ERRNOS.items() for name in names if hasattr(errno, name)
}
BY_WINDOWS = {number: kind for kind, numbers in WINDOWS.items() for number in numbers}


def sentence_of(error: BaseException, place: object = "") -> str | None:
    """None where it is an error of another kind. `place` is what it is about where the error doesn't say."""
    where = _named(error) or _about(place)
    if type(error).__module__ == "sqlite3":
        kind = next((kind for words, kind in SQLITE if words in str(error).lower()), "other")
        return SENTENCES[kind].format(where, error)
    if not isinstance(error, OSError):
        rust = RUST.search(str(error))
        return _by_number(int(rust[1]), where, str(error)) if rust else None
    if _is_of_network(error):
        return SENTENCES["network"].format(getattr(error, "reason", None) or error.strerror or error)
    windows = getattr(error, "winerror", None)
    if windows in BY_WINDOWS:
        return SENTENCES[BY_WINDOWS[windows]].format(where)
    kind = BY_NUMBER.get(error.errno or 0, "other")
    if kind == "network":  # with a file's name: of a drive behind a network
        kind = "gone"
    return SENTENCES[kind].format(where, error.strerror or error)


def with_name(error: OSError, path: Path) -> OSError:
    """The error about `path` that people know, in place of a temporary file's or no name."""
    error.filename, error.filename2 = str(path), None
    return error


def os_error_of(error: Exception, path: Path) -> OSError:
    """The system's error that a library in Rust passes on in its own words."""
    found = RUST.search(str(error))
    number = int(found[1]) if found else errno.EIO
    if os.name == "nt":
        return OSError(0, str(error), str(path), number)
    return OSError(number, os.strerror(number), str(path))


def _by_number(number: int, where: str, said: str) -> str:
    table = BY_WINDOWS if os.name == "nt" else BY_NUMBER
    return SENTENCES[table.get(number, "other")].format(where, said)


def _about(place: object) -> str:
    path = str(place)
    if not path:
        return "a file"
    return f"a file in {path}" if Path(path).is_dir() else path


def _named(error: BaseException) -> str:
    """The file that it is about; of a rename the new name, as the old one is mostly a temporary one."""
    for name in (getattr(error, "filename2", None), getattr(error, "filename", None)):
        if isinstance(name, (str, bytes, os.PathLike)) and name:
            return _shown(name)
    return ""


def _shown(name: Any) -> str:
    path = Path(os.fsdecode(name))
    return str(path.parent if path.name.startswith(".tmp-") else path)


def _is_of_network(error: OSError) -> bool:
    if type(error).__module__ in NETWORK_MODULES:
        return True
    has_name = getattr(error, "filename", None) is not None
    return not has_name and BY_NUMBER.get(error.errno or 0) == "network"
