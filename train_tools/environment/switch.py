"""Several environments side by side: an upgrade is built beside the one that is used, which is gone back to at will."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from train_tools.environment import lock, sd_scripts
from train_tools.environment.failure import SetupError
from train_tools.environment.place import Place, read_pointer
from train_tools.environment.plan import Stage, stages
from train_tools.workspace.files import write_json

UPGRADE = "-up-"  # between the first environment's name and the time
OLD = "-old-"  # between its name and the time that it was moved aside, not being whole
GOING = "-going-"


def base_of(place: Place) -> Path:
    return place.base or place.folder


def all_stages(place: Place, base_python: str, revisions: list[str]) -> list[Stage]:
    """The environment's, and those of each revision of sd-scripts."""
    found = stages(place, base_python, with_tests=False)
    for revision in revisions:
        found += sd_scripts.stages(place, base_python, revision)
    return found


def next_place(place: Place) -> Place:
    """Where an upgrade is built: what an earlier one left half-done is gone on with."""
    base = base_of(place)
    building = str(read_pointer(place).get("building", ""))
    folder = base.parent / Path(building).name
    if not building.startswith(f"{base.name}{UPGRADE}") or folder == place.folder:
        folder = base.with_name(f"{base.name}{UPGRADE}{time.strftime('%Y%m%d-%H%M%S')}")
        _point(place, {**read_pointer(place), "building": folder.name})
    return replace(place, folder=folder, base=base, kept=False)


def go_over(place: Place, to: Place) -> None:
    """From now on `to` is used, and `place` is what is gone back to."""
    _point(place, {"folder": to.folder.name, "before": place.folder.name, "kept": False})


def roll_back(place: Place) -> Path:
    """Goes back to the environment that was used before; it stays as it is until the next upgrade.

    Once more goes forth again, to one that is kept up to date. Raises SetupError where there is none that is whole.
    """
    base = base_of(place)
    pointer = read_pointer(place)
    name = str(pointer.get("before", ""))
    folder = base.parent / Path(name).name
    if not name or not replace(place, folder=folder).identity():
        raise SetupError(
            "there is no environment to go back to; `env upgrade` makes a new one beside this one"
        )
    _point(place, {"folder": folder.name, "before": place.folder.name, "kept": not pointer.get("kept")})
    return folder


def left_over(place: Place) -> list[Path]:
    """Environments of ours that aren't used: those from before upgrades, half-made ones, and what was moved aside."""
    base = base_of(place)
    candidates = [base, *base.parent.glob(f"{base.name}-*")]
    return sorted(
        path for path in candidates if path.is_dir() and path != place.folder and is_ours(path, base)
    )


def is_ours(folder: Path, base: Path) -> bool:
    rest = folder.name.removeprefix(base.name)
    if rest and not rest.startswith((UPGRADE, OLD, GOING)):
        return False
    return Place(base, folder).stamps.is_dir()


def remove(place: Place, folders: list[Path]) -> list[Path]:
    """Deletes environments that we made, and gives those that are gone; raises SetupError for anything else."""
    base = base_of(place)
    for folder in folders:
        if not is_ours(folder, base):
            raise SetupError(f"{folder} was not made by this program; it is left alone")
        if folder.is_dir() and Path(sys.prefix).resolve().is_relative_to(folder.resolve()):
            raise SetupError(
                f"{folder} is the environment that this runs in; call the command with another Python"
            )
    with lock.held(place.lock, _refuse):
        for folder in folders:
            going = base.with_name(f"{base.name}{GOING}{os.getpid()}")
            try:
                folder.rename(going)
            except OSError as error:
                raise SetupError(
                    f"{folder} is in use ({error.strerror}); close what uses it, then try again"
                ) from error
            # First what says that it is whole, last what says that it is ours.
            for path in going.iterdir():
                if path != Place(base, going).stamps:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.rmtree(going, ignore_errors=True)
        gone = {folder.name for folder in folders}
        pointer = {key: value for key, value in read_pointer(place).items() if value not in gone}
        if "folder" not in pointer:  # what is made next is nothing to be kept as it is
            pointer.pop("kept", None)
        _point(place, pointer)
    return folders


def _refuse() -> None:
    raise SetupError("another process is making the environment now; wait until it is done or stop it")


def _point(place: Place, content: dict[str, object]) -> None:
    write_json(place.pointer, content)
