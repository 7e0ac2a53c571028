"""The server's disks as a file chooser shows them: folders, and the files that may be meant."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.base_model.found import MORE_SUFFIXES
from train_tools.errors import UsageError
from train_tools.families.folder import INDEX

MOST = 2_000  # entries of one folder
MOUNTS = ("/mnt", "/media", "/Volumes", "/run/media")


@dataclass(frozen=True)
class Entry:
    """`is_model`: it can be chosen, as a file of weights or a diffusers folder."""

    name: str
    path: Path
    is_folder: bool
    is_model: bool
    bytes: int = 0


@dataclass(frozen=True)
class Listing:
    """`parent` is None at the top of what may be looked at."""

    folder: Path
    parent: Path | None
    entries: tuple[Entry, ...]
    more: int = 0


def tops() -> list[Path]:
    """Where one begins: home, the drives, what is mounted."""
    if os.name == "nt":
        drives = [Path(f"{letter}:\\") for letter in string.ascii_uppercase]
        return [Path.home(), *(drive for drive in drives if drive.exists())]
    mounted = [child for mount in MOUNTS for child in _folders(Path(mount))]
    return [Path.home(), Path("/"), *mounted]


def listing(folder: Path, allowed: Sequence[Path] | None = None, *, all_files: bool = False) -> Listing:
    """`allowed`: nothing outside of these is shown; None: all is. `all_files`: not only weights.

    Raises UsageError for what can't be looked at.
    """
    here = Path(os.path.abspath(folder.expanduser()))
    if not is_allowed(here, allowed):
        raise UsageError(f"{folder} lies outside of the folders for models")
    if not here.is_dir():
        raise UsageError(f"there is no folder {here}; choose one that is there")
    try:
        with os.scandir(here) as found:
            entries = [entry for one in found if (entry := _entry(one, all_files))]
    except OSError as error:
        raise UsageError(f"{here} can't be read ({error.strerror}); choose another folder") from error
    entries.sort(key=lambda entry: (not entry.is_folder, entry.name.lower()))
    above = here.parent if here.parent != here and is_allowed(here.parent, allowed) else None
    return Listing(here, above, tuple(entries[:MOST]), max(0, len(entries) - MOST))


def is_allowed(path: Path, allowed: Sequence[Path] | None) -> bool:
    """By its name and by where links lead.

    What is outside by its name isn't touched: on Windows, looking at another machine's share tells it who asks.
    """
    if allowed is None:
        return True
    named = Path(os.path.abspath(path))
    tops = [(Path(os.path.abspath(top)), top.resolve()) for top in allowed]
    if not any(named.is_relative_to(top) for pair in tops for top in pair):
        return False
    return any(named.resolve().is_relative_to(top) for _, top in tops)


def _entry(found: os.DirEntry[str], all_files: bool) -> Entry | None:
    """None for what isn't shown: hidden things, and files that are no weights where those are asked for."""
    if found.name.startswith((".", "$")):
        return None
    path = Path(found.path)
    try:
        if found.is_dir():
            return Entry(found.name, path, True, (path / INDEX).is_file())
        if found.is_file() and (all_files or found.name.lower().endswith(MORE_SUFFIXES)):
            return Entry(found.name, path, False, True, found.stat().st_size)
    except OSError:
        pass
    return None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
