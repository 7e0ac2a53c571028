"""`<root>/train_tools/host.json`: where a running host answers our own processes, and the token that opens it."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from train_tools.workspace.files import replace, temporary_sibling

TOKEN_HEADER = "X-Train-Tools-Token"
GRANTED = b"granted\n"  # the first line of an answer that lasts as long as what was asked for is held


@dataclass(frozen=True)
class Address:
    """`port` is on 127.0.0.1; `pid` and `started` (seconds since 1970) are for people who wonder whose file it is."""

    port: int
    token: str
    pid: int
    started: float
    name: str


def file_of(root: Path) -> Path:
    return root / "train_tools" / "host.json"


def write(root: Path, address: Address) -> None:
    """Readable by its owner alone: who knows the token can make pictures and free the GPU."""
    path = file_of(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(address), file)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(root: Path) -> Address | None:
    """None where there is none, or none that can be understood."""
    try:
        found = json.loads(file_of(root).read_text(encoding="utf-8"))
        return Address(
            int(found["port"]),
            str(found["token"]),
            int(found["pid"]),
            float(found["started"]),
            str(found["name"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(root: Path, token: str) -> None:
    """Only one's own: another host may have taken the root over."""
    address = read(root)
    if address is not None and address.token == token:
        with contextlib.suppress(OSError):
            file_of(root).unlink()
