"""Deleting is moving to the trash; what lies there is listed, and put back where it was."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.concept import keep_concept
from train_tools.workspace.files import move_to_trash, read_json, replace, require_inside
from train_tools.workspace.lock import moving, writing
from train_tools.workspace.names import check_free, check_new_name
from train_tools.workspace.workspace import Version, Workspace, names_in

ORIGINALS = ("dataset", "origin")  # below a version; the entry holds some of its files, not the folder


@dataclass(frozen=True)
class Trashed:
    """`entry` is its name in the trash. `origin` is where it was, from train_tools on; `kind` what it was."""

    entry: str
    path: Path
    origin: PurePosixPath
    deleted: float  # seconds since 1970

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def kind(self) -> str:
        parts = self.origin.parts
        if parts[0] == "projects" and len(parts) == 2:
            return "project"
        if parts[0] == "projects" and parts[4:] == ORIGINALS:
            return "originals"
        is_version = parts[0] == "projects" and len(parts) == 4 and parts[2] == "versions"
        return "version" if is_version else "file" if self.path.is_file() else "folder"

    @property
    def project(self) -> str:
        """The project that it belonged to or was; empty where it was in none."""
        return self.origin.parts[1] if self.origin.parts[0] == "projects" else ""


def delete_project(workspace: Workspace, name: str) -> Path:
    """Returns where it lies now. Raises UsageError where someone writes or trains in one of its versions."""
    project = workspace.project(name)
    with contextlib.ExitStack() as stack:
        for version in workspace.versions(name):
            stack.enter_context(moving(version, "deleting its project"))
        return move_to_trash(project.folder, workspace.trash)


def delete_version(workspace: Workspace, project: str, version: str) -> Path:
    """Returns where it lies now. Raises UsageError where someone writes or trains in it."""
    found = workspace.version(project, version)
    with moving(found, "deleting it"):
        return move_to_trash(found.folder, workspace.trash)


def list_trash(workspace: Workspace) -> list[Trashed]:
    """What can be put back, the newest first."""
    return sorted(_entries(workspace), key=lambda trashed: (trashed.deleted, trashed.entry), reverse=True)


def _entries(workspace: Workspace) -> Iterator[Trashed]:
    for name in names_in(workspace.trash):
        note = workspace.trash / f"{name}.json"
        if not note.is_file():
            continue
        try:
            origin = PurePosixPath(PureWindowsPath(read_json(note)["from"]).as_posix())
        except (OSError, TrainToolsError, KeyError, TypeError):
            continue
        if origin.parts and not origin.is_absolute() and ".." not in origin.parts and ":" not in str(origin):
            yield Trashed(name, workspace.trash / name, origin, note.stat().st_mtime)


def find(workspace: Workspace, what: str) -> Trashed:
    """By the entry's name, or by what it was called where only one was; raises UsageError otherwise."""
    entries = list_trash(workspace)
    found = [t for t in entries if t.entry == what] or [t for t in entries if t.name == what]
    if not found:
        there = ", ".join(t.entry for t in entries) or "nothing"
        raise UsageError(f"there is no {what!r} in the trash; there is: {there}")
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} things called {what!r} are in the trash; say which: "
            f"{', '.join(t.entry for t in found)}"
        )
    return found[0]


def restore(workspace: Workspace, what: str, *, name: str | None = None, project: str | None = None) -> Path:
    """Puts it back where it was, or under another name, or (a version) into another project.

    Raises UsageError where that isn't in the trash, its place is taken, or the project is gone.
    """
    trashed = find(workspace, what)
    parent = _parent(workspace, trashed, project)
    kind = trashed.kind
    if kind == "originals" and name is None:
        return _put_back(workspace, trashed, parent / trashed.name)
    if name is None:  # it was called so before, whatever today's rules say
        target = parent / check_free(trashed.name, kind, names_in(parent))
    else:
        target = parent / check_new_name(name, kind, names_in(parent))
    require_inside(target, workspace.root)
    if kind == "version":
        keep_concept(Version(project or trashed.project, target.name, trashed.path), trashed.project)
    elif kind == "project":
        found = (trashed.path / "versions").glob("[!.]*")
        for folder in (path for path in found if path.is_dir()):
            keep_concept(Version(target.name, folder.name, folder), trashed.name)
    replace(trashed.path, target)
    trashed.path.with_name(f"{trashed.entry}.json").unlink(missing_ok=True)
    return target


def _put_back(workspace: Workspace, trashed: Trashed, folder: Path) -> Path:
    """Every file of the entry goes to its place in `folder`; raises UsageError where one is taken by now."""
    require_inside(folder, workspace.root)
    version = workspace.version(trashed.project, trashed.origin.parts[3])
    with writing(version, "putting originals back"):
        files = [path for path in sorted(trashed.path.rglob("*")) if path.is_file()]
        places = [folder / path.relative_to(trashed.path) for path in files]
        taken = [place.name for place in places if os.path.lexists(place)]
        if taken:
            raise UsageError(
                f"{len(taken)} file(s) have the names of files that are there by now ({taken[0]}); "
                f"take those away first, or fetch the old ones from {trashed.path}"
            )
        for path, place in zip(files, places, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    shutil.rmtree(trashed.path)  # nothing but empty folders
    trashed.path.with_name(f"{trashed.entry}.json").unlink(missing_ok=True)
    return folder


def _parent(workspace: Workspace, trashed: Trashed, project: str | None) -> Path:
    if project is not None and trashed.kind != "version":
        raise UsageError(f"{trashed.entry} is no version; only a version can go to another project")
    if trashed.kind == "version":
        try:
            return workspace.project(project or trashed.project).versions_folder
        except UsageError as error:
            raise UsageError(f"{error}; or put the version into another project with --project") from error
    parent = workspace.trash.parent / trashed.origin.parent
    if trashed.kind == "project":
        parent.mkdir(parents=True, exist_ok=True)
    if not parent.is_dir():
        raise UsageError(f"{os.fspath(parent)} isn't there any more; restore or make it first")
    return parent
