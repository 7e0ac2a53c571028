"""Copies of projects and versions, and versions that start from another one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.concept import keep_concept
from train_tools.workspace.lock import writing
from train_tools.workspace.names import check_new_name
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.run_folder import active_runs
from train_tools.workspace.settings import copy_settings
from train_tools.workspace.tree import Report, Tree, built, check_room, copy_tree, silent, survey
from train_tools.workspace.workspace import Project, Version, Workspace, names_in

RUNS = ("trains", "previews")  # what belongs to runs in a version's folder
PARTS = ("data", "settings")


@dataclass(frozen=True)
class Cloned:
    """`left_out` names runs that are being trained, and links, each with the reason."""

    folder: Path
    files: int
    bytes: int
    left_out: tuple[str, ...]


def clone_version(
    workspace: Workspace,
    source: Version,
    project: str,
    name: str,
    *,
    with_runs: bool,
    report: Report = silent,
) -> Cloned:
    """Copies `source` to `project` as `name`; the copy appears when it is complete.

    Raises UsageError where the name can't be used or is taken, the source is being written, or the disk is
    too small.
    """
    target = new_version(workspace, project, name)
    with writing(source, "cloning it"):
        active = active_runs(source.trains)
        tree = survey(source.folder, unwanted_of(with_runs, active))
        with built(target.folder) as building:
            copied(tree, building, report)
            placed = replace(target, folder=building)
            placed.trains.mkdir(exist_ok=True)
            keep_concept(placed, source.project)
    return cloned(target.folder, tree, active if with_runs else [])


def clone_project(
    workspace: Workspace, source: Project, name: str, *, with_runs: bool, report: Report = silent
) -> Cloned:
    """Copies all versions of a project; raises as `clone_version` does."""
    check_new_name(name, "project", names_in(workspace.projects_folder))
    target = Project(name, workspace.projects_folder / name)
    versions = [workspace.version(source.name, version.name) for version in workspace.versions(source.name)]
    with contextlib.ExitStack() as stack:
        unwanted = {}
        active = []
        for version in versions:
            stack.enter_context(writing(version, "cloning its project"))
            runs = active_runs(version.trains)
            active += [f"{version.name}: {run}" for run in runs]
            unwanted[version.name] = unwanted_of(with_runs, runs)
        tree = survey(source.folder, within_versions(unwanted))
        building = stack.enter_context(built(target.folder))
        copied(tree, building, report)
        for version in versions:
            placed = Version(name, version.name, building / "versions" / version.name)
            placed.trains.mkdir(exist_ok=True)
            keep_concept(placed, source.name)
    return cloned(target.folder, tree, active if with_runs else [])


def start_from(
    workspace: Workspace,
    source: Version,
    project: str,
    name: str,
    take: Collection[str],
    report: Report = silent,
) -> Cloned:
    """A new version with the data, the settings or both of another one, and none of its runs and history.

    Raises UsageError for a part that isn't in PARTS, and as `clone_version` does.
    """
    if not take or not set(take) <= set(PARTS):
        raise UsageError(f"what to take is {','.join(take)!r}; allowed: {', '.join(PARTS)}, or both")
    target = new_version(workspace, project, name)
    with writing(source, "starting another version from it"):
        tree = survey(source.folder, lambda path: "data" not in take or not is_current_data(path))
        with built(target.folder) as building:
            copied(tree, building, report)
            placed = replace(target, folder=building)
            placed.origin.mkdir(parents=True, exist_ok=True)
            placed.trains.mkdir()
            if "settings" in take:
                copy_settings(source, placed)
            if "data" in take:
                keep_concept(placed, source.project)
    return cloned(target.folder, tree, [])


def new_version(workspace: Workspace, project: str, name: str) -> Version:
    """Where a version of that name would be; raises UsageError where there can't be one."""
    versions_folder = workspace.project(project).versions_folder
    check_new_name(name, "version", names_in(versions_folder))
    return Version(project, name, versions_folder / name)


def copied(tree: Tree, target: Path, report: Report) -> None:
    check_room(target, tree.bytes, "the copy")
    try:
        copy_tree(tree, target, report)
    except OSError as error:
        raise TrainToolsError(f"nothing was made: {sentence_of(error, target)}") from error


def cloned(folder: Path, tree: Tree, active: list[str]) -> Cloned:
    links = tuple(f"{path}: a link or no file" for path in tree.left_out)
    runs = tuple(f"{run}: it is being trained" for run in active)
    return Cloned(folder, len(tree.files), tree.bytes, runs + links)


def unwanted_of(with_runs: bool, active: list[str]) -> Callable[[str], bool]:
    """Which paths of a version's folder aren't copied."""
    if not with_runs:
        return lambda path: path in RUNS
    running = {f"trains/{run}" for run in active}
    return lambda path: path in running


def within_versions(unwanted: dict[str, Callable[[str], bool]]) -> Callable[[str], bool]:
    """The same for a project's folder, whose versions have rules of their own."""

    def is_unwanted(path: str) -> bool:
        head, _, inner = path.removeprefix("versions/").partition("/")
        in_version = path.startswith("versions/") and inner
        return bool(in_version and head in unwanted and unwanted[head](inner))

    return is_unwanted


def is_current_data(path: str) -> bool:
    return path == "dataset" or (path.startswith("dataset/") and path.split("/")[1] != "history")
