"""New names for projects and versions.

Runs keep the file names that they were trained with: a webui finds a LoRA by its name. Paths inside them are
followed when they are read (`run_folder.read_arguments`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import files
from train_tools.workspace.concept import keep_concept
from train_tools.workspace.lock import moving, writing
from train_tools.workspace.names import check_new_name
from train_tools.workspace.settings_file import load, save
from train_tools.workspace.workspace import Version, Workspace, names_in


@dataclass(frozen=True)
class Renamed:
    """`concept_kept`: versions that now state the old project's name as their concept.

    `followed`: versions whose settings named a file in the folder and name its new place now;
    `not_followed`: those that somebody was writing into, so that theirs still name the old one.
    """

    folder: Path
    concept_kept: tuple[str, ...]
    followed: tuple[str, ...]
    not_followed: tuple[str, ...]


def rename_version(workspace: Workspace, project: str, version: str, name: str) -> Renamed:
    """Raises UsageError where the name can't be used or is taken, or someone writes or trains in it."""
    found = workspace.version(project, version)
    check_renaming(name, version, "version", names_in(found.folder.parent))
    with moving(found, "renaming it"):
        folder = move(found.folder, name)
    return Renamed(folder, (), *follow(workspace, found.folder, folder))


def rename_project(workspace: Workspace, project: str, name: str) -> Renamed:
    """Raises as `rename_version` does, for any of the project's versions."""
    found = workspace.project(project)
    check_renaming(name, project, "project", names_in(workspace.projects_folder))
    versions = workspace.versions(project)
    with contextlib.ExitStack() as stack:
        for version in versions:
            stack.enter_context(moving(version, "renaming its project"))
        # Before the rename: under the old name it changes nothing, so a crash in between does no harm.
        kept = [v.name for v in versions if keep_concept(replace(v, project=name), project)]
        folder = move(found.folder, name)
    return Renamed(folder, tuple(kept), *follow(workspace, found.folder, folder))


def check_renaming(name: str, old: str, what: str, existing: list[str]) -> None:
    if name == old:
        raise UsageError(f"the {what} is called {old!r} already; choose another name")
    check_new_name(name, what, [other for other in existing if other != old])


def move(folder: Path, name: str) -> Path:
    target = folder.with_name(name)
    files.replace(folder, target)
    return target


def follow(workspace: Workspace, old: Path, new: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Rewrites paths into `old` in the settings of all versions, e.g. a LoRA to go on from.

    Each file is changed whole, but not all of them at once: after a crash some may still name the old place, and
    `plan` says which file is missing.
    """
    # Several values stand in one text, so a path begins at the start or behind a separator.
    place = re.compile(rf"(?<![^\s,;\"']){re.escape(str(old.absolute()))}(?=[\\/]|$)")
    followed, left = [], []
    for project in workspace.projects():
        for version in workspace.versions(project.name):
            name = f"{version.project} {version.name}"
            try:
                if rewrite(version, lambda text: place.sub(lambda _: str(new.absolute()), text)):
                    followed.append(name)
            except TrainToolsError:
                left.append(name)
    return tuple(followed), tuple(left)


def rewrite(version: Version, change: Callable[[str], str]) -> bool:
    """Changes texts in version.toml; tells if there was anything to change."""
    data = load(version).data
    if changed(data, change) == data:
        return False
    with writing(version, "following a renamed folder"):
        save(version, changed(load(version).data, change))
    return True


def changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    return [changed(item, change) for item in value] if isinstance(value, list) else value
