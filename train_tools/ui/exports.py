"""Zips that were made to be downloaded: `<root>/train_tools/exports`."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException

from train_tools.workspace.files import time_stamp
from train_tools.workspace.workspace import names_in

MOST_BYTES = 180  # of a name in UTF-8; the time and the ending come to it


def folder(root: Path) -> Path:
    return root / "train_tools" / "exports"


def new_file(root: Path, *names: str) -> Path:
    """A name that nothing has yet, in the folder, which is made."""
    folder(root).mkdir(parents=True, exist_ok=True)
    text = "-".join(names).encode("utf-8")[:MOST_BYTES].decode("utf-8", errors="ignore")
    taken = names_in(folder(root))
    stem = f"{text}-{time_stamp()}"
    endings = ("", *(f"-{number}" for number in range(2, len(taken) + 3)))
    return folder(root) / next(name for ending in endings if (name := f"{stem}{ending}.zip") not in taken)


def existing(root: Path) -> list[Path]:
    """The newest first."""
    files = [
        folder(root) / name
        for name in names_in(folder(root))
        if name.endswith(".zip") and not name.startswith(".")
    ]
    return sorted(files, key=lambda file: -file.stat().st_mtime)


def find(root: Path, name: str) -> Path:
    """Looked up among what is there. Raises HTTPException 404."""
    found = next((file for file in existing(root) if file.name == name), None)
    if found is None:
        raise HTTPException(404, "There is no such file.")
    return found
