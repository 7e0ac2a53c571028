"""A folder is replaced by a newer one as a whole.

Two renames are needed, and a crash may fall between them. Therefore a new folder that is complete is first
renamed to `.ready-…` beside the old one. Where the folder itself is missing and a `.ready-…` lies there, the
crash fell between, and `finish_swap` (called whenever a version is opened) makes the second rename.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from train_tools.workspace.files import TEMPORARY, replace, temporary_sibling

READY = ".ready-"
STALE_SECONDS = 24 * 3600


def begin(current: Path) -> Path:
    """Makes an empty hidden folder beside `current` to build the new one in; clears what crashes left."""
    current.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(current)
    building = temporary_sibling(current)
    building.mkdir()
    return building


def swap(building: Path, current: Path, archive: Path) -> bool:
    """`current` (if there is one) becomes `archive`, `building` becomes `current`; tells if there was one.

    Raises OSError where a rename fails; `current` is then the old folder.
    """
    ready = ready_name(current, building)
    # Asked first: once it is ready, whoever opens a version that had none may finish the swap for us.
    archived = current.exists()
    replace(building, ready)
    if archived:
        archive.parent.mkdir(parents=True, exist_ok=True)
        replace(current, archive)
    try:
        replace(ready, current)
    except FileNotFoundError:
        if not current.exists():  # else another process has opened the version and finished the swap for us
            raise
    except OSError:
        if archived:
            replace(archive, current)
        raise
    return archived


def finish_swap(current: Path) -> None:
    """Ends a swap that a crash cut off between its two renames; otherwise does nothing."""
    if current.exists() or not current.parent.is_dir():
        return
    ready = sorted(current.parent.glob(f"{READY}{current.name}-*"), key=os.path.getmtime)
    if ready:
        with contextlib.suppress(FileNotFoundError):  # who began it isn't dead, and has finished it meanwhile
            replace(ready[-1], current)


def ready_name(current: Path, building: Path) -> Path:
    return current.with_name(f"{READY}{current.name}-{building.name.removeprefix(TEMPORARY)}")


def remove_stale(current: Path) -> None:
    """Unfinished builds that nobody can be at work on any more (a day old)."""
    for path in current.parent.glob(".*"):
        ours = path.name.startswith((TEMPORARY, f"{READY}{current.name}-"))
        if ours and time.time() - path.lstat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
