"""Reads a zip of `archive` back. Everything in it is doubted before the first byte is written."""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.archive import DATA, FORMAT, MANIFEST, Manifest, blocks
from train_tools.workspace.concept import keep_concept
from train_tools.workspace.files import sync_folder
from train_tools.workspace.names import check_name, check_new_name, comparable
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.portable import Portable
from train_tools.workspace.settings_file import load
from train_tools.workspace.tree import Report, built, check_room, is_unfinished, silent
from train_tools.workspace.workspace import Version, Workspace, folders_in, names_in

MOST_ENTRIES = 500_000
MOST_MANIFEST_BYTES = 1 << 20
# Logs shrink to a twentieth; what shrinks to a two-hundredth, and is large, was made to fill a disk.
MOST_RATIO = 200
SMALL_BYTES = 100 << 20
TICKET = "queue.json"  # of execution.ticket
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGES = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """`name` is the one that it got: the zip's own, or a free one."""

    folder: Path
    name: str
    files: int
    bytes: int


Check = Callable[[Version], None]


def all_right(version: Version) -> None:
    """For callers to whom everything is welcome."""


def import_version(
    workspace: Workspace,
    project: str,
    file: Path,
    *,
    name: str | None = None,
    report: Report = silent,
    check: Check = all_right,
) -> Imported:
    """A new version of `project` from a zip; appears when it is complete.

    Raises UsageError where the zip isn't one of ours, is damaged or isn't safe, where `name` is taken, or the
    disk is too small, and what `check` raises of the unpacked version. Nothing is changed then.
    """
    versions_folder = workspace.project(project).versions_folder
    with opened(file) as archive:
        manifest = read_manifest(archive, file, "version")
        chosen = choose(name, manifest.name, "version", versions_folder)
        target = versions_folder / chosen
        with built(target) as building:
            extract(archive, file, manifest, building, report)
            settle(Version(project, chosen, building), manifest.project, check)
    return Imported(target, chosen, manifest.files, manifest.bytes)


def import_project(
    workspace: Workspace,
    file: Path,
    *,
    name: str | None = None,
    report: Report = silent,
    check: Check = all_right,
) -> Imported:
    """A new project from a zip; raises as `import_version` does."""
    with opened(file) as archive:
        manifest = read_manifest(archive, file, "project")
        chosen = choose(name, manifest.name, "project", workspace.projects_folder)
        target = workspace.projects_folder / chosen
        with built(target) as building:
            extract(archive, file, manifest, building, report)
            (building / "versions").mkdir(exist_ok=True)
            for folder in folders_in(building / "versions"):
                check_name(folder.name, "version")
                settle(Version(chosen, folder.name, folder), manifest.name, check)
    return Imported(target, chosen, manifest.files, manifest.bytes)


def opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError as error:
        raise UsageError(sentence_of(error, file)) from error
    except DAMAGES as error:
        raise UsageError(f"{file} is no zip, or is cut off ({error}); export or copy it again") from error


def contents(file: Path) -> Manifest:
    """What a zip of ours says that it holds. Raises UsageError where it isn't one, or is a newer program's."""
    with opened(file) as archive:
        return any_manifest(archive, file, "project export` or `version export")


def any_manifest(archive: zipfile.ZipFile, file: Path, made_by: str) -> Manifest:
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > MOST_MANIFEST_BYTES:
            raise ValueError("its manifest is too large")
        data = json.loads(archive.read(info))
        known = {field.name: field.type for field in fields(Manifest)}
        manifest = Manifest(**{key: value for key, value in data.items() if key in known})
        if not all(type(getattr(manifest, key)).__name__ == type_name for key, type_name in known.items()):
            raise ValueError("its manifest is damaged")
    except (KeyError, TypeError, AttributeError, OSError, *DAMAGES) as error:
        raise UsageError(f"{file} wasn't made by `{made_by}` ({error})") from error
    if manifest.format > FORMAT:
        raise UsageError(f"{file} was made by a newer Train Tools; update Train Tools to import it")
    return manifest


def read_manifest(archive: zipfile.ZipFile, file: Path, kind: str) -> Manifest:
    manifest = any_manifest(archive, file, f"{kind} export")
    if manifest.kind != kind:
        raise UsageError(f"{file} holds a {manifest.kind}; import it with `{manifest.kind} import`")
    return manifest


def choose(name: str | None, own: str, what: str, folder: Path) -> str:
    """`name` where that is given, else the zip's own or the next free one."""
    existing = names_in(folder)
    if name is not None:
        return check_new_name(name, what, existing)
    taken = set(map(comparable, existing))
    free, number = own, 2
    while comparable(free) in taken:
        free, number = f"{own}-{number}", number + 1
    return check_name(free, what)


def extract(archive: zipfile.ZipFile, file: Path, manifest: Manifest, target: Path, report: Report) -> None:
    entries = checked(archive, file, manifest)
    total = sum(info.file_size for info in entries)
    check_room(target, total, "what is imported")
    done = 0
    folders = {target}
    try:
        for info in entries:
            path = target / info.filename.removeprefix(DATA)
            if info.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
            with archive.open(info) as reader, path.open("xb") as writer:
                for block in blocks(reader):
                    report(done, total, info.filename.removeprefix(DATA))
                    writer.write(block)
                    done += len(block)
                writer.flush()
                os.fsync(writer.fileno())
    except OSError as error:
        raise TrainToolsError(f"nothing was imported: {sentence_of(error, target)}") from error
    except DAMAGES as error:
        raise UsageError(f"{file} is damaged ({error}); export or copy it again") from error
    for folder in folders:
        sync_folder(folder)


def checked(archive: zipfile.ZipFile, file: Path, manifest: Manifest) -> list[zipfile.ZipInfo]:
    """The entries to write; raises UsageError for the first thing that isn't right."""
    entries = [info for info in archive.infolist() if info.filename != MANIFEST]
    if len(entries) > MOST_ENTRIES:
        raise UsageError(f"{file} holds {len(entries)} entries; at most {MOST_ENTRIES} are allowed")
    portable = Portable()
    for info in entries:
        if fault := entry_fault(info, portable):
            raise UsageError(f"{file} can't be imported: {info.orig_filename!r}: {fault}")
    check_sizes(archive, file, entries)
    files = [info for info in entries if not info.is_dir()]
    if (len(files), sum(info.file_size for info in files)) != (manifest.files, manifest.bytes):
        raise UsageError(f"{file} doesn't hold what its manifest says; export or copy it again")
    return entries


def entry_fault(info: zipfile.ZipInfo, portable: Portable) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is a link or no file"
    if info.flag_bits & 1:
        return "it is encrypted"
    if info.compress_type not in METHODS:
        return "it is compressed in another way than zips of ours"
    # The name as it stands in the zip: zipfile cuts it at a NUL and turns \ around on Windows.
    name = info.orig_filename
    if not name.startswith(DATA):
        return f"it isn't below {DATA}"
    path = name.removeprefix(DATA)
    if any(map(is_unfinished, path.split("/"))):
        return "it is called like something unfinished"
    return portable.fault(path.removesuffix("/"), is_folder=path.endswith("/"))


def check_sizes(archive: zipfile.ZipFile, file: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Against bombs: entries that share their bytes, and little that becomes a lot."""
    size = file.stat().st_size
    if sum(info.compress_size for info in archive.infolist()) > size:
        raise UsageError(f"{file} can't be imported: its entries are larger than the file itself")
    total = sum(info.file_size for info in entries)
    if total > SMALL_BYTES and total > MOST_RATIO * size:
        raise UsageError(
            f"{file} can't be imported: {size / 1e6:,.1f} MB would become {total / 1e6:,.1f} MB, "
            f"more than {MOST_RATIO} times as much"
        )


def settle(version: Version, project: str, check: Check) -> None:
    """What a version needs before it is used; raises UsageError for settings that can't be read.

    Places in a queue aren't taken over: nobody here has asked for that work.
    """
    try:
        for kind in ("trains", "jobs"):
            for ticket in version.folder.glob(f"{kind}/*/{TICKET}"):
                ticket.unlink()
        version.origin.mkdir(parents=True, exist_ok=True)
        version.trains.mkdir(exist_ok=True)
        load(version)
        check(version)
        keep_concept(version, project)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"what is in the zip is no version ({error.strerror or error})") from error
