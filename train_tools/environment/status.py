"""How the training environment stands, for the page, the webui's tab and the command line.

Standard library alone, and quick: stamps are compared and small files read; no process is started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_tools.environment import journal, lock, record
from train_tools.environment.place import Place, place
from train_tools.environment.plan import stages
from train_tools.environment.sd_scripts_place import CURRENT, MARK, VERSIONS, sd_scripts_folder
from train_tools.environment.setup import is_due

ABSENT, MAKING, BROKEN, READY = "absent", "making", "broken", "ready"
SHOWN = ("torch", "torchvision", "diffusers", "transformers", "onnxruntime", "xformers")


@dataclass(frozen=True)
class EnvironmentStatus:
    """`state` is absent, making (a process is at it now), broken (not whole, or not up to date; `error` says what to
    do) or ready. `size` in bytes, 0 where unknown. `progress` is the journal's last line while something is made: in
    the state ready that is an upgrade, or a version of sd-scripts.
    """

    state: str
    folder: Path
    python: Path
    versions: dict[str, str] = field(default_factory=dict)
    sd_scripts: tuple[str, ...] = ()  # the versions that are installed
    sd_scripts_folder: Path | None = None  # the one that is used
    size: int = 0
    error: str = ""
    log: Path = Path()
    journal: Path = Path()
    progress: dict[str, Any] = field(default_factory=dict)
    kept: bool = False  # it was gone back to, and isn't updated


def environment_status(environ: Mapping[str, str] = os.environ) -> EnvironmentStatus:
    """Where the running interpreter is taken as it is, that one counts as ready."""
    chosen = place(environ)
    if chosen is None:
        here = Path(sys.prefix)
        return EnvironmentStatus(
            READY, here, Path(sys.executable), shown(record.installed(here)),
            installed_sd_scripts(here), sd_scripts_folder(environ),
        )  # fmt: skip
    events = journal.read(chosen.journal)
    last = events[-1] if events else {}
    failed = str(last.get("text", "")) if last.get("event") == journal.FAILED else ""
    busy = lock.is_held(chosen.lock)
    state, error = state_of(chosen, failed)
    if busy and state != READY:
        state, error = MAKING, ""
    known = record.read(chosen)
    return EnvironmentStatus(
        state=state,
        folder=chosen.folder,
        python=chosen.python,
        versions=shown(known.packages),
        sd_scripts=installed_sd_scripts(chosen.folder),
        sd_scripts_folder=sd_scripts_folder(environ),
        size=known.size,
        error=error,
        log=chosen.log,
        journal=chosen.journal,
        progress=last if busy else {},
        kept=chosen.kept,
    )


def state_of(chosen: Place, failed: str) -> tuple[str, str]:
    """(state, error); `failed` is how the last set-up ended, if it failed."""
    if chosen.is_foreign():
        return BROKEN, f"{chosen.folder} was not made by this program; move it away, or name another folder"
    if not chosen.stamps.is_dir():
        return ABSENT, failed
    if chosen.kept:
        whole = bool(chosen.identity())
        return (
            (READY, "")
            if whole
            else (BROKEN, f"{chosen.folder} is not whole; make it anew with `env upgrade`")
        )
    if any(is_due(chosen, stage) for stage in stages(chosen, sys.executable, with_tests=False)):
        return BROKEN, failed or "it is not whole or not up to date; `env create` goes on with it"
    return READY, ""


def shown(packages: Mapping[str, str]) -> dict[str, str]:
    return {name: packages[name] for name in SHOWN if name in packages}


def installed_sd_scripts(environment: Path) -> tuple[str, ...]:
    """The names of the versions of sd-scripts in the environment's folder, whole ones alone."""
    try:
        found = sorted(path.name for path in (environment / VERSIONS).iterdir() if path.name != CURRENT)
    except OSError:
        return ()
    return tuple(name for name in found if (environment / VERSIONS / name / MARK).is_file())
