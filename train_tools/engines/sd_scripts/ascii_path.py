"""A path of plain ASCII to a folder whose own isn't, as a link.

sd-scripts itself copes with every path when Python is in UTF-8 mode (tried on Linux). On Windows some of the
libraries below it open files in the system's code page, so there it is given links.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def links_folder(environ: Mapping[str, str] = os.environ, windows: bool = os.name == "nt") -> Path | None:
    """Where links are made; None where none are needed."""
    base = environ.get("PROGRAMDATA", "")
    return Path(base) / "train_tools" if windows and base and base.isascii() else None


def ascii_path(folder: Path, links: Path | None) -> Path:
    """`folder` itself where it is ASCII or nothing can be linked; else a link to it in `links`, always the same."""
    if links is None or str(folder).isascii():
        return folder
    link = links / hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        if not (link.exists() and link.samefile(folder)):
            links.mkdir(parents=True, exist_ok=True)
            _remove(link)
            _make(link, folder)
    except OSError:
        return folder
    return link


def _make(link: Path, folder: Path) -> None:
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(folder), str(link))  # unlike a symbolic link it needs no rights
    else:
        link.symlink_to(folder, target_is_directory=True)


def _remove(link: Path) -> None:
    """One that leads to where a folder once was."""
    with contextlib.suppress(FileNotFoundError):
        if sys.platform == "win32":
            link.rmdir()
        else:
            link.unlink()
