"""Where sd-scripts lies, and the interpreter that it runs in.

Several versions lie side by side in `<environment>/sd-scripts/<name>/`; `current.txt` beside them names the one
that is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from train_tools.environment.place import place

# Of the calling interpreter: they would lead sd-scripts' to packages that aren't its own.
NOT_HANDED_ON = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)
SD_SCRIPTS_VARIABLE = "TRAIN_TOOLS_SD_SCRIPTS"  # a checkout of one's own
VERSIONS = "sd-scripts"
CURRENT = "current.txt"
MARK = "train_network.py"  # in every checkout
REVISION = "train-tools-revision.txt"  # in one of ours: what was asked for
OWN_ENVIRONMENTS = (".venv", "venv")  # of a checkout, by the installers that people use


def versions_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the versions that we installed; it may not be there."""
    chosen = place(environ)
    return (chosen.folder if chosen else Path(sys.prefix)) / VERSIONS


def sd_scripts_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The checkout that is used, as an absolute path; None where there is none.

    The environment variable comes first, also where it names a folder that isn't a checkout: then there is none.
    """
    if own := environ.get(SD_SCRIPTS_VARIABLE, ""):
        folder = Path(own).expanduser().absolute()
    else:
        versions = versions_folder(environ)
        try:
            name = (versions / CURRENT).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        folder = (versions / name).absolute()
        if not name or folder.parent != versions.absolute():
            return None
    return folder if (folder / MARK).is_file() else None


def sd_scripts_python(folder: Path, windows: bool = os.name == "nt") -> Path:
    """The checkout's own interpreter where it has an environment, else the one that runs."""
    inside = "Scripts/python.exe" if windows else "bin/python"
    own = (folder / environment / inside for environment in OWN_ENVIRONMENTS)
    return next((python for python in own if python.is_file()), Path(sys.executable))
