"""A stamp says what a stage of the set-up was done for; another content, or none, means: do it again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def fingerprint(*parts: str | bytes) -> str:
    """SHA-256 over the parts and their bounds."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def read(folder: Path, stage: str) -> str:
    """Empty where there is none."""
    try:
        return (folder / stage).read_text(encoding="ascii")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write(folder: Path, stage: str, content: str) -> None:
    """Appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{stage}.{os.getpid()}.tmp"
    with temporary.open("w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / stage)


def remove(folder: Path, stage: str) -> None:
    """Before a stage is done again: what it leaves half-done must not look done."""
    (folder / stage).unlink(missing_ok=True)
