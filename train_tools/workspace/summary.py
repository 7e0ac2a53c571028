"""What projects and versions hold, in numbers, quickly also for hundreds of them.

The counts of each folder are remembered in `<root>/train_tools/.counts.json` with the folder's time of change.
A file that is added, removed or replaced (we replace, we don't edit in place) changes that time, so a folder
with the same time holds the same files and isn't read again. What another program edits in place, or a
training appends to a log, is noticed with the next such change.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.tree import is_junction, is_unfinished
from train_tools.workspace.workspace import Project, Version, Workspace

ORIGIN = "dataset/origin"
PRELOAD = "dataset/origin/preload"  # flattened copies that sd-webui-train-tools keeps there
# At least those of dataset.formats, whether they can be read here or not.
IMAGES = frozenset([
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".webp", ".bmp", ".dib", ".tif",
    ".tiff", ".gif", ".avif", ".heic", ".heif", ".hif",
])  # fmt: skip
CAPTIONS = frozenset([".txt", ".caption"])
CHECKPOINTS = frozenset([".safetensors", ".ckpt", ".pt"])
FILE = ".counts.json"
# Two changes within a tick of a file system's clock (2 s on FAT) look like one.
TICK_S = 2.5


@dataclass(frozen=True)
class Folder:
    """One folder's own files: how many of each suffix, their bytes, and its sub-folders' names."""

    changed_ns: int
    suffixes: dict[str, int]
    bytes: int
    newest: float
    folders: tuple[str, ...]


@dataclass(frozen=True)
class VersionSummary:
    """`changed` is when anything in it changed last, in seconds since 1970."""

    version: Version
    originals: int
    images: int
    captions: int
    runs: int
    checkpoints: int
    bytes: int
    changed: float


@dataclass(frozen=True)
class ProjectSummary:
    project: Project
    versions: tuple[VersionSummary, ...]
    changed: float

    def total(self, name: str) -> int:
        return sum(getattr(version, name) for version in self.versions)


def summarize_projects(workspace: Workspace) -> list[ProjectSummary]:
    """All projects, and the versions of each, the one that was changed last first."""
    with remembered(workspace, "") as counts:
        summaries = [_project(workspace, project, counts) for project in workspace.projects()]
    return sorted(summaries, key=lambda summary: -summary.changed)


def summarize_versions(workspace: Workspace, project: str) -> list[VersionSummary]:
    """Those of one project, the one that was changed last first."""
    found = workspace.project(project)
    with remembered(workspace, f"{project}/") as counts:
        return list(_project(workspace, found, counts).versions)


def _project(workspace: Workspace, project: Project, counts: Counts) -> ProjectSummary:
    with contextlib.suppress(TrainToolsError):  # a project that is a link out has no versions to look into
        versions = [summarize(version, counts) for version in workspace.versions(project.name)]
        versions.sort(key=lambda summary: -summary.changed)
        changed = max([project.folder.stat().st_mtime, *(summary.changed for summary in versions)])
        return ProjectSummary(project, tuple(versions), changed)
    return ProjectSummary(project, (), 0.0)


class Counts:
    """Folders as they were counted before, by their path from the projects on."""

    def __init__(self, root: Path, known: dict[str, Any]) -> None:
        self._root = os.fspath(root)
        self._known = known
        self.seen: dict[str, Any] = {}
        self.has_changed = False

    def of(self, path: str) -> Folder:
        folder = (
            f"{self._root}/{path}"  # tens of thousands of them: joining paths would cost more than the look
        )
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
        entry = self._known.get(path)
        if not (isinstance(entry, dict) and entry.get("changed_ns") == changed):
            entry = vars(count(Path(folder), changed))
            self.has_changed = True
        if time.time() - changed / 1e9 > TICK_S:
            self.seen[path] = entry
        return Folder(**{**entry, "folders": tuple(entry["folders"])})


@contextlib.contextmanager
def remembered(workspace: Workspace, below: str) -> Iterator[Counts]:
    """What was counted before; what is counted now is kept, and what lay `below` and is gone is forgotten."""
    file = workspace.projects_folder.parent / FILE
    try:
        known = read_json(file)
    except (OSError, TrainToolsError):
        known = {}
    known = known if isinstance(known, dict) else {}
    counts = Counts(workspace.projects_folder, known)
    yield counts
    if counts.has_changed:
        with contextlib.suppress(OSError):  # a folder that can't be written is counted anew each time
            others = {path: entry for path, entry in known.items() if not path.startswith(below)}
            write_json(file, {**others, **counts.seen})


def count(folder: Path, changed_ns: int) -> Folder:
    suffixes: Counter[str] = Counter()
    total, newest, folders = 0, changed_ns / 1e9, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_unfinished(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False) and not is_junction(entry):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                suffixes["" if entry.name.startswith(".") else Path(entry.name).suffix.lower()] += 1
                total += status.st_size
                newest = max(newest, status.st_mtime)
    return Folder(changed_ns, dict(suffixes), total, newest, tuple(sorted(folders)))


def summarize(version: Version, counts: Counts) -> VersionSummary:
    top = f"{version.project}/versions/{version.name}"
    found: dict[str, Folder] = {}
    waiting = [] if version.folder.is_symlink() else [""]  # what a link leads to isn't ours to count
    while waiting:
        path = waiting.pop()
        try:
            folder = counts.of(f"{top}/{path}".rstrip("/"))
        except OSError:  # deleted while we look, or unreadable: what is left is counted
            continue
        found[path] = folder
        waiting += [f"{path}/{name}".lstrip("/") for name in folder.folders]
    processed = in_folders(found, "dataset/processed")
    runs = in_folders(found, "trains")
    return VersionSummary(
        version=version,
        originals=number(originals_in(found), IMAGES),
        images=number(processed, IMAGES),
        captions=number(processed, CAPTIONS),
        runs=len(runs),
        checkpoints=number(runs, CHECKPOINTS),
        bytes=sum(folder.bytes for folder in found.values()),
        changed=max((folder.newest for folder in found.values()), default=0.0),
    )


def originals_in(found: dict[str, Folder]) -> list[Folder]:
    """The uploads' folder and those of other concepts in it."""
    return [
        folder
        for path, folder in found.items()
        if path == ORIGIN or (parent_of(path) == ORIGIN and path != PRELOAD)
    ]


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]


def in_folders(found: dict[str, Folder], parent: str) -> list[Folder]:
    """The folders directly in `parent`, hidden ones left out."""
    return [
        folder
        for path, folder in found.items()
        if parent_of(path) == parent and not path.rpartition("/")[2].startswith(".")
    ]


def number(folders: Iterable[Folder], suffixes: frozenset[str]) -> int:
    return sum(folder.suffixes.get(suffix, 0) for folder in folders for suffix in suffixes)
