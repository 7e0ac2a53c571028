"""What takes how much room below a root folder. Reads every file's size: seconds for hundreds of thousands."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from train_tools.workspace.tree import THUMBNAILS
from train_tools.workspace.workspace import Version, Workspace

# The first that a path in a version's folder begins with says what it is.
PARTS: tuple[tuple[str, str], ...] = (
    ("dataset/origin", "originals"),
    ("dataset/history", "history"),
    ("dataset", "images"),
    ("trains", "runs"),
    ("previews", "previews"),
    (THUMBNAILS, "thumbnails"),
)
OTHER = "other"


@dataclass(frozen=True)
class DiskUse:
    """All in bytes. `parts` is by what it is, `versions` by (project, version); the trash belongs to none."""

    parts: dict[str, int]
    versions: dict[tuple[str, str], int]
    free: int
    total: int


def disk_use(workspace: Workspace, report: Callable[[int, int, str], None]) -> DiskUse:
    """A file with several names (earlier revisions share what hasn't changed) counts once."""
    parts: Counter[str] = Counter()
    versions: dict[tuple[str, str], int] = {}
    seen: set[tuple[int, int]] = set()
    all_versions = [v for project in workspace.projects() for v in workspace.versions(project.name)]
    for number, version in enumerate(all_versions):
        report(number, len(all_versions), f"{version.project} {version.name}")
        found = _of_version(version, seen)
        versions[version.project, version.name] = found.total()
        parts.update(found)
    top = workspace.projects_folder.parent
    for name in ("trash", "exports", "cache"):
        parts[name] = sum(size for _, size in _files(top / name, seen))
    workspace.root.mkdir(parents=True, exist_ok=True)
    usage = shutil.disk_usage(workspace.root)
    return DiskUse(dict(parts), versions, usage.free, usage.total)


def _of_version(version: Version, seen: set[tuple[int, int]]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for path, size in _files(version.folder, seen):
        sizes[
            next((what for start, what in PARTS if path == start or path.startswith(f"{start}/")), OTHER)
        ] += size
    return sizes


def _files(folder: Path, seen: set[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """Paths relative to `folder` with `/`, and bytes; links aren't followed."""
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        try:
            entries = list(os.scandir(folder / parent))
        except OSError:  # gone while we look, or unreadable
            continue
        for entry in entries:
            path = f"{parent}/{entry.name}".lstrip("/")
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
                continue
            status = entry.stat(follow_symlinks=False)
            identity = (status.st_dev, status.st_ino)
            if status.st_nlink > 1 and identity in seen:
                continue
            seen.add(identity)
            yield path, status.st_size


def clear_thumbnails(workspace: Workspace) -> int:
    """They are made anew where they are looked at. Returns how many versions had some."""
    count = 0
    for project in workspace.projects():
        for listed in workspace.versions(project.name):
            folder = workspace.version(project.name, listed.name).folder / THUMBNAILS
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
    return count
