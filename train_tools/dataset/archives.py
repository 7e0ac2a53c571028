"""What lies in a zip, read member by member: nothing is unpacked onto the disk, and no name leads anywhere."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import TrainToolsError

ARCHIVE_SUFFIXES = frozenset([".zip"])
MOST_MEMBERS = 200_000
MOST_MEMBER_BYTES = 600_000_000  # more than the largest picture that is decoded, uncompressed
MOST_RATIO = 100  # unpacked to packed bytes of the whole; pictures are compressed already
ALWAYS_ALLOWED_BYTES = 200_000_000  # a small zip of plain bitmaps may well be denser than that
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # flags of a member

# `..` as a part, a leading separator, a drive letter or a control character.
TRICK = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|[\x00-\x1f]")


class UnreadableArchiveError(TrainToolsError):
    """A zip that isn't opened; the text is the reason, without the file's name."""


class UnreadableMemberError(TrainToolsError):
    """A file in a zip that can't be read; the text is the reason, without the file's name."""


@dataclass(frozen=True)
class Member:
    """`folder` and `name` are its path in the zip; `problem` says why it isn't read."""

    shown: str
    folder: str
    name: str
    read: Callable[[], bytes]
    problem: str


def open_archive(path: Path, stack: ExitStack) -> list[Member]:
    """Its files by name, hidden ones left out. The zip stays open until `stack` is closed.

    Raises UnreadableArchiveError where it is damaged or a bomb.
    """
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnreadableArchiveError(f"it is no zip or damaged ({error}); pack it again") from error
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _refuse_bomb(infos, path.stat().st_size)
    members = [_member(archive, info) for info in infos]
    return sorted((m for m in members if not _is_hidden(m)), key=lambda m: (m.folder, m.name))


def _refuse_bomb(infos: list[zipfile.ZipInfo], size: int) -> None:
    """By what the members claim; more than that is never read of one."""
    unpacked = sum(info.file_size for info in infos)
    if len(infos) > MOST_MEMBERS:
        raise UnreadableArchiveError(f"it holds {len(infos)} files; at most {MOST_MEMBERS} are read from one")
    if unpacked > max(MOST_RATIO * size, ALWAYS_ALLOWED_BYTES):
        raise UnreadableArchiveError(
            f"it would grow from {size / 1e6:.1f} to {unpacked / 1e6:.0f} MB, as zip bombs do; "
            "unpack it yourself if you trust it"
        )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path = _name(info)
    folder, _, name = path.replace("\\", "/").rpartition("/")

    def read() -> bytes:
        try:
            return archive.read(info)
        except Exception as error:  # each way of packing has errors of its own
            reason = str(error) or type(error).__name__
            raise UnreadableMemberError(f"it is damaged in the zip ({reason}); pack it again") from error

    return Member(path, folder, name, read, _problem(path, info))


def _name(info: zipfile.ZipInfo) -> str:
    """As it was meant: old programs write UTF-8 or the system's code page (Chinese Windows: GBK) unmarked."""
    if info.flag_bits & UTF8_NAME:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _problem(path: str, info: zipfile.ZipInfo) -> str:
    if TRICK.search(path):
        return "its path leads out of the zip or can't be a file's name; such files are never taken"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link, not a file; pack the picture itself"
    if info.flag_bits & ENCRYPTED:
        return "it is encrypted; unpack the zip with its password, then add the folder"
    if info.file_size > MOST_MEMBER_BYTES:
        return f"it is {info.file_size / 1e6:.0f} MB unpacked; at most {MOST_MEMBER_BYTES / 1e6:.0f} are read"
    return ""


def _is_hidden(member: Member) -> bool:
    parts = [part for part in [*member.folder.split("/"), member.name] if part not in ("", ".", "..")]
    return not member.problem and any(part.startswith(".") or part == "__MACOSX" for part in parts)
