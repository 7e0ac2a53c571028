"""Where the environment is, whether it is whole, and the files beside it.

An upgrade is built beside the environment that is used; `<name>-current.json` then names the new one, so that going
over to it and going back are one rename each.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ENVIRONMENT_VARIABLE = "TRAIN_TOOLS_ENV"
RUNNING = "current"  # this value of the variable: take the running interpreter as it is
STAMPS = ".train-tools"


@dataclass(frozen=True)
class Place:
    """`root` is the clone, `folder` the environment.

    `base` is the name and place that the files beside it have, whichever environment is used. One that is `kept`
    was gone back to: it stays as it is, also where the locks ask for other packages.
    """

    root: Path
    folder: Path
    windows: bool = os.name == "nt"
    base: Path | None = None
    kept: bool = False

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if self.windows else "bin/python")

    @property
    def stamps(self) -> Path:
        return self.folder / STAMPS

    @property
    def log(self) -> Path:
        return self.beside("-setup.log")

    @property
    def journal(self) -> Path:
        """What a set-up does, as JSON lines for programs that follow it; see `journal`."""
        return self.beside("-create.jsonl")

    @property
    def lock(self) -> Path:
        return self.beside(".lock")

    @property
    def pointer(self) -> Path:
        return self.beside("-current.json")

    def beside(self, ending: str) -> Path:
        first = self.base or self.folder
        return first.with_name(f"{first.name}{ending}")

    def requirements(self, name: str) -> Path:
        return self.root / "requirements" / name

    def is_running(self) -> bool:
        """Whether this interpreter is the environment's."""
        return self.folder.is_dir() and Path(sys.prefix).samefile(self.folder)

    def is_foreign(self) -> bool:
        """Whether something that isn't ours is in the folder."""
        if self.stamps.is_dir() or not self.folder.exists():
            return False
        return not self.folder.is_dir() or any(self.folder.iterdir())

    def identity(self) -> str:
        """The interpreter it was made from; empty where that, or the environment's own, is gone."""
        try:
            settings = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8")
        except OSError:
            return ""
        home = next(
            (line.partition("=")[2].strip() for line in settings.splitlines() if line.startswith("home")), ""
        )
        if not self.python.exists() or not Path(home).is_dir():
            return ""
        # On Linux a system's upgrade may put another Python behind the same link.
        return f"{os.path.realpath(self.python)}\n{settings}"


def place(environ: Mapping[str, str] = os.environ) -> Place | None:
    """The environment of this clone; None where the running interpreter is to be taken as it is."""
    root = Path(__file__).resolve().parents[2]
    chosen = environ.get(ENVIRONMENT_VARIABLE, "")
    if chosen == RUNNING:
        return None
    base = Path(chosen).expanduser().absolute() if chosen else root / ".venv"
    first = Place(root, base)
    pointer = read_pointer(first)
    folder = base.parent / Path(str(pointer.get("folder", base.name))).name
    # A pointer that names something else than one of ours, or one that is gone, counts for nothing.
    if folder == base or not folder.name.startswith(f"{base.name}-") or not folder.is_dir():
        return replace(first, kept=folder == base and base.is_dir() and bool(pointer.get("kept")))
    return Place(root, folder, base=base, kept=bool(pointer.get("kept")))


def read_pointer(place: Place) -> dict[str, Any]:
    """`folder` (the name of the environment that is used), `before` (the one before it), `kept`; or nothing."""
    try:
        found = json.loads(place.pointer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
