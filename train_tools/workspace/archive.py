"""A project or a version as one zip: a manifest, then its files below `data/`; equal content, equal bytes.

Reading one back is `unpack`. The names in it are those that `portable` takes, so that what is exported on one
system can be imported on any other.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.clone import RUNS
from train_tools.workspace.files import replace, temporary_sibling
from train_tools.workspace.lock import writing
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.portable import Portable
from train_tools.workspace.run_folder import active_runs
from train_tools.workspace.tree import CHUNK, Report, Tree, check_room, silent, survey
from train_tools.workspace.workspace import Project, Version, Workspace

MANIFEST = "train_tools.json"
DATA = "data/"
FORMAT = 1
# What is compressed already; trying again costs time for nothing.
PACKED = frozenset([".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".zip", ".safetensors", ".npz"])


@dataclass(frozen=True)
class Manifest:
    """`kind` is project or version; `project` is the version's own. `files` and `bytes` are for the reader's check."""

    kind: str
    name: str
    project: str
    files: int
    bytes: int
    format: int = FORMAT


@dataclass(frozen=True)
class Exported:
    """`left_out` names runs in training, links and names that not every system takes, each with the reason."""

    file: Path
    files: int
    bytes: int
    left_out: tuple[str, ...]


def export_version(
    version: Version, file: Path, *, with_runs: bool, with_originals: bool, report: Report = silent
) -> Exported:
    """Raises UsageError where `file` is there already, or the version is being written or is too large."""
    with writing(version, "exporting it"):
        active = active_runs(version.trains)
        left_out = unwanted(with_runs, with_originals, active)
        tree = survey(version.folder, lambda path: path in left_out)
        notes = [f"{run}: it is being trained" for run in active if with_runs]
        return write("version", version.name, version.project, tree, file, notes, report)


def export_project(
    workspace: Workspace,
    project: Project,
    file: Path,
    *,
    with_runs: bool,
    with_originals: bool,
    report: Report = silent,
) -> Exported:
    """All versions of a project; raises as `export_version` does."""
    left_out: set[str] = set()
    notes = []
    with contextlib.ExitStack() as stack:
        for listed in workspace.versions(project.name):
            version = workspace.version(project.name, listed.name)
            stack.enter_context(writing(version, "exporting its project"))
            active = active_runs(version.trains)
            left_out |= {f"versions/{version.name}/{p}" for p in unwanted(with_runs, with_originals, active)}
            notes += [f"{version.name} {run}: it is being trained" for run in active if with_runs]
        tree = survey(project.folder, lambda path: path in left_out)
        return write("project", project.name, project.name, tree, file, notes, report)


def unwanted(with_runs: bool, with_originals: bool, active: list[str]) -> set[str]:
    """Paths in a version's folder that don't go into the zip."""
    runs = {f"trains/{run}" for run in active} if with_runs else set(RUNS)
    return runs | (set() if with_originals else {"dataset/origin"})


def write(
    kind: str, name: str, project: str, tree: Tree, file: Path, notes: list[str], report: Report
) -> Exported:
    """The zip appears under its name when it is whole."""
    if os.path.lexists(file):
        raise UsageError(f"{file} exists already; choose another file with --output")
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} isn't there; make it, or choose another with --output")
    check_room(file.parent, tree.bytes, "the zip")
    portable = Portable()
    faults = {path: portable.fault(path, is_folder=True) for path in tree.folders}
    faults |= {path: portable.fault(path) for path, _ in tree.files}
    folders = [path for path in tree.folders if not faults[path]]
    files = [(path, size) for path, size in tree.files if not faults[path]]
    manifest = Manifest(kind, name, project, len(files), sum(size for _, size in files))
    temporary = temporary_sibling(file)
    try:
        with temporary.open("xb") as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                text = json.dumps(asdict(manifest), ensure_ascii=False, indent=2)
                archive.writestr(zipfile.ZipInfo(MANIFEST), text)
                for path in folders:
                    archive.writestr(zipfile.ZipInfo(f"{DATA}{path}/"), b"")
                copy_files(archive, tree.root, files, report)
            stream.flush()
            os.fsync(stream.fileno())
        replace(temporary, file)
    except OSError as error:
        raise TrainToolsError(f"nothing was made: {sentence_of(error, file)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    notes += [f"{path}: {fault}" for path, fault in faults.items() if fault]
    notes += [f"{path}: a link or no file" for path in tree.left_out]
    return Exported(file, manifest.files, manifest.bytes, tuple(map(printable, notes)))


def copy_files(archive: zipfile.ZipFile, root: Path, files: list[tuple[str, int]], report: Report) -> None:
    done, total = 0, sum(size for _, size in files)
    for path, size in files:
        source = root / path
        info = zipfile.ZipInfo(DATA + path, zip_time(source))
        info.external_attr = 0o644 << 16
        is_packed = source.suffix.lower() in PACKED
        info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        # Twice the size: a file that grows while it is read stays below what its header can say.
        with source.open("rb") as reader, archive.open(info, "w", force_zip64=2 * size >= 1 << 31) as writer:
            for block in blocks(reader):
                report(done, total, path)
                writer.write(block)
                done += len(block)


def blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(CHUNK):
        yield block


def zip_time(path: Path) -> tuple[int, int, int, int, int, int]:
    """A zip knows the years 1980 to 2107."""
    year, *rest = time.localtime(path.stat().st_mtime)[:6]
    if not 1980 <= year <= 2107:
        return (1980, 1, 1, 0, 0, 0)
    month, day, hour, minute, second = rest
    return (year, month, day, hour, minute, second)


def printable(text: str) -> str:
    """Without the stray bytes that a Linux file name may have."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
