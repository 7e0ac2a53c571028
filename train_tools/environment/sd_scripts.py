"""sd-scripts beside the training environment: several versions, each with its own packages, one that is used."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from train_tools.environment import record, stamps
from train_tools.environment.failure import SetupError
from train_tools.environment.machine import Machine
from train_tools.environment.place import Place
from train_tools.environment.plan import TORCH, Attempts, Stage, install, make, torch_attempts
from train_tools.environment.sd_scripts_asked import ENDING
from train_tools.environment.sd_scripts_place import CURRENT, MARK, OWN_ENVIRONMENTS, REVISION, VERSIONS
from train_tools.environment.sd_scripts_source import COMMIT, FILTERED
from train_tools.environment.stamps import fingerprint
from train_tools.workspace.files import write_text

PINNED = (
    "48d368fa557731ad0488c07304dfeba8c07910eb"  # main of 2026-02-16; requirements/sd_scripts.in belongs to it
)
TORCHVISION = "torchvision==0.28.0"  # the one for TORCH
BEFORE = "before.txt"  # the version that was used before the current one
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,60}")
SOURCE = "train_tools.environment.sd_scripts_source"


@dataclass(frozen=True)
class Installed:
    """`size` in bytes; `packages` by their normalised names."""

    name: str
    folder: Path
    current: bool
    whole: bool
    size: int
    packages: dict[str, str]


def name_of(revision: str) -> str:
    """A folder's name. Raises SetupError for what can't be a version."""
    if not NAME.fullmatch(revision):
        raise SetupError(f"{revision!r} is no version of sd-scripts; give a tag or a commit, as v0.9.1")
    return revision[:10] if COMMIT.fullmatch(revision) else revision


def folder_of(place: Place, name: str) -> Path:
    return place.folder / VERSIONS / name


def stage_names(name: str) -> tuple[str, ...]:
    """Source, environment, torch, packages; no version's name holds a plus."""
    return tuple(f"{VERSIONS}+{name}+{part}" for part in ("source", "venv", "torch", "run"))


def stages(place: Place, base_python: str, revision: str) -> list[Stage]:
    """What makes one version whole, behind the stages of the environment itself."""
    name = name_of(revision)
    folder = folder_of(place, name)
    source_stage, venv_stage, torch_stage, run_stage = stage_names(name)
    own = Place(place.root, folder / OWN_ENVIRONMENTS[0], place.windows)
    lock = place.requirements("sd_scripts.lock")

    def source() -> str:
        # Made with the environment, and gone with it.
        return fingerprint(place.identity(), revision) if (folder / MARK).is_file() else ""

    def packages(machine: Machine) -> Attempts:
        if revision == PINNED:
            return [[install(own.python, machine, "--no-deps", "-r", str(lock))]]
        return [[install(own.python, machine, "-r", str(folder / FILTERED), TORCH, TORCHVISION)]]

    return [
        Stage(
            source_stage,
            f"fetching sd-scripts {name}",
            source,
            lambda _: [[[base_python, "-m", SOURCE, way, revision, str(folder)]] for way in ("git", "zip")],
        ),
        Stage(
            venv_stage,
            f"making the environment of sd-scripts {name}",
            lambda: own.identity() and fingerprint(source(), own.identity()),
            lambda machine: [[make(own.folder, base_python, machine)]],
        ),
        Stage(
            torch_stage,
            f"installing {TORCH} for sd-scripts {name}",
            lambda: fingerprint(own.identity(), TORCH, TORCHVISION),
            lambda machine: torch_attempts(own.python, machine, (TORCH, TORCHVISION), lock),
            own.python,
        ),
        Stage(
            run_stage,
            f"installing the other packages of sd-scripts {name}",
            lambda: fingerprint(own.identity(), lock.read_bytes() if revision == PINNED else revision),
            packages,
            own.python,
        ),
    ]


def current(place: Place) -> str:
    return _read(place.folder / VERSIONS / CURRENT)


def revision_of(place: Place, name: str) -> str:
    """What was asked for when the version `name` was made; empty where that isn't there."""
    return _read(folder_of(place, name) / REVISION) if NAME.fullmatch(name) else ""


def use(place: Place, name: str) -> None:
    """Makes `name` the version that is used; raises SetupError where it isn't there."""
    if not NAME.fullmatch(name) or not (folder_of(place, name) / MARK).is_file():
        there = (
            ", ".join(version.name for version in installed(place))
            or "none; make one with `env create --sd-scripts`"
        )
        raise SetupError(f"there is no sd-scripts {name!r}; there are: {there}")
    before = current(place)
    if before and before != name:
        write_text(place.folder / VERSIONS / BEFORE, f"{before}\n")
    write_text(place.folder / VERSIONS / CURRENT, f"{name}\n")


def roll_back(place: Place) -> str:
    """Goes back to the version that was used before, and gives its name; raises SetupError where there is none."""
    before = _read(place.folder / VERSIONS / BEFORE)
    if not before:
        raise SetupError("no other version of sd-scripts was used before this one")
    use(place, before)
    return before


def installed(place: Place) -> list[Installed]:
    """By name, half-made ones too; sizes are measured now."""
    folder = place.folder / VERSIONS
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    used = current(place)
    return [
        Installed(
            name,
            folder / name,
            name == used,
            all(stamps.read(place.stamps, stage) for stage in stage_names(name)),
            record.size_of(folder / name),
            record.installed(folder / name / OWN_ENVIRONMENTS[0]),
        )
        for name in names
        if NAME.fullmatch(name)
    ]


def remove(place: Place, name: str) -> Path:
    """Deletes a version that we made; raises SetupError for the one that is used, and for anything else."""
    folder = folder_of(place, name)
    ours = [stage for stage in stage_names(name) if stamps.read(place.stamps, stage)]
    if not NAME.fullmatch(name) or not folder.is_dir() or not ours:
        raise SetupError(f"there is no sd-scripts {name!r} that this program has made")
    if name == current(place):
        raise SetupError(f"sd-scripts {name} is the one that is used; choose another with `env use` first")
    going = folder.with_name(f".tmp-removing-{os.getpid()}")
    try:
        folder.rename(going)
    except OSError as error:
        raise SetupError(
            f"{folder} is in use ({error.strerror}); close what uses it, then try again"
        ) from error
    folder.with_name(f"{name}{ENDING}").unlink(missing_ok=True)
    for stage in ours:
        stamps.remove(place.stamps, stage)
    if _read(place.folder / VERSIONS / BEFORE) == name:
        (place.folder / VERSIONS / BEFORE).unlink()
    shutil.rmtree(going, ignore_errors=True)
    return folder


def _read(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8").strip()
    return ""
