"""Where the environment is, whether it is whole, and the files beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT_VARIABLE = "TRAIN_TOOLS_ENV"
RUNNING = "current"  # this value of the variable: take the running interpreter as it is
STAMPS = ".train-tools"


@dataclass(frozen=True)
class Place:
    """`root` is the clone, `folder` the environment."""

    root: Path
    folder: Path
    windows: bool = os.name == "nt"

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if self.windows else "bin/python")

    @property
    def stamps(self) -> Path:
        return self.folder / STAMPS

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-setup.log")

    @property
    def lock(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.lock")

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
    return Place(root, Path(chosen).expanduser().absolute() if chosen else root / ".venv")
