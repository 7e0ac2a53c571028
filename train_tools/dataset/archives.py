"""What lies in a zip or tar, read member by member: nothing is unpacked beside it, and no name leads anywhere."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from train_tools.dataset.formats import HEAD_BYTES
from train_tools.dataset.unread import is_junk, is_junk_folder
from train_tools.errors import TrainToolsError

ZIP = (".zip", ".cbz")
TAR = (".tar",)
PACKED_TAR: dict[str, Callable[[Path], Any]] = {  # by ending, what opens it; their classes share no type
    ".tar.gz": gzip.open, ".tgz": gzip.open, ".tar.bz2": bz2.open, ".tbz": bz2.open, ".tbz2": bz2.open,
    ".tar.xz": lzma.open, ".txz": lzma.open,
}  # fmt: skip
OTHERS = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z"}  # archives that people rename to .zip
BLOCK_BYTES = 1 << 20
MOST_MEMBERS = 200_000
MOST_MEMBER_BYTES = 600_000_000  # more than the largest picture that is decoded, uncompressed
MOST_RATIO = 100  # unpacked to packed bytes of the whole; pictures are compressed already
ALWAYS_ALLOWED_BYTES = 200_000_000  # a small zip of plain bitmaps may well be denser than that
UTF8_NAME, ENCRYPTED = 0x800, 0x1  # flags of a member

# `..` as a part, a leading separator, a drive letter or a control character.
TRICK = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|[\x00-\x1f]")


class UnreadableArchiveError(TrainToolsError):
    """An archive that isn't opened; the text is the reason, without the file's name."""


class UnreadableMemberError(TrainToolsError):
    """A file in an archive that can't be read; the text is the reason, without the file's name."""


@dataclass(frozen=True)
class Member:
    """`folder` and `name` are its path in the archive; `problem` says why it isn't read. `head` reads its beginning."""

    shown: str
    folder: str
    name: str
    read: Callable[[], bytes]
    head: Callable[[], bytes]
    problem: str


def is_archive(path: PurePath) -> bool:
    return path.name.lower().endswith((*ZIP, *TAR, *PACKED_TAR))


def stem_of(path: PurePath) -> str:
    """The archive's name without its ending, as if it were the folder that it was made of."""
    endings = (*PACKED_TAR, *ZIP, *TAR)
    ending = next((e for e in endings if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def open_archive(path: Path, stack: ExitStack) -> list[Member]:
    """Its files by name, hidden ones left out. It stays open until `stack` is closed.

    Raises UnreadableArchiveError where it is damaged or a bomb.
    """
    members = _zip_members(path, stack) if path.name.lower().endswith(ZIP) else _tar_members(path, stack)
    return sorted((m for m in members if not _is_hidden(m)), key=lambda m: (m.folder, m.name))


def _zip_members(path: Path, stack: ExitStack) -> list[Member]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if other := _other_kind(path):
            raise UnreadableArchiveError(
                f"it is a {other} archive under another name; unpack it first, or make a zip of it"
            ) from error
        raise UnreadableArchiveError(f"it is no zip or damaged ({error}); pack it again") from error
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _refuse_bomb([info.file_size for info in infos], path.stat().st_size)
    return [_member(archive, info) for info in infos]


def _other_kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return OTHERS.get(file.read(4), "")
    except OSError:
        return ""


def _refuse_bomb(sizes: Sequence[int], size: int) -> None:
    """By what the members claim; more than that is never read of one."""
    unpacked = sum(sizes)
    if len(sizes) > MOST_MEMBERS:
        raise UnreadableArchiveError(f"it holds {len(sizes)} files; at most {MOST_MEMBERS} are read from one")
    if unpacked > _most_bytes(size):
        raise UnreadableArchiveError(
            f"it would grow from {size / 1e6:.1f} to {unpacked / 1e6:.0f} MB, as zip bombs do; "
            "unpack it yourself if you trust it"
        )


def _most_bytes(size: int) -> int:
    return max(MOST_RATIO * size, ALWAYS_ALLOWED_BYTES)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path = _name(info)
    folder, _, name = path.replace("\\", "/").rpartition("/")

    def read() -> bytes:
        try:
            return archive.read(info)
        except Exception as error:  # each way of packing has errors of its own
            reason = str(error) or type(error).__name__
            raise UnreadableMemberError(f"it is damaged in the archive ({reason}); pack it again") from error

    def head() -> bytes:
        try:
            with archive.open(info) as file:
                return file.read(HEAD_BYTES)
        except Exception:  # `read` says why
            return b""

    return Member(path, folder, name, read, head, _problem(path, info))


def _tar_members(path: Path, stack: ExitStack) -> list[Member]:
    try:
        plain = _unpacked(path, stack)
        with tarfile.open(plain, "r:") as archive:
            infos = [info for info in archive.getmembers() if not info.isdir()]
    except (tarfile.TarError, OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise UnreadableArchiveError(f"it is no tar or damaged ({error}); pack it again") from error
    _refuse_bomb([info.size for info in infos], path.stat().st_size)
    return [_tar_member(plain, info) for info in infos]


def _unpacked(path: Path, stack: ExitStack) -> Path:
    """The tar itself; of a compressed one a temporary copy, as it is read at many places at once."""
    ending = next((e for e in PACKED_TAR if path.name.lower().endswith(e)), "")
    if not ending:
        return path
    most, written = _most_bytes(path.stat().st_size), 0
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="train_tools-")))
    with PACKED_TAR[ending](path) as source, (folder / "plain.tar").open("wb") as target:
        while block := source.read(BLOCK_BYTES):
            written += len(block)
            if written > most:
                _refuse_bomb([written], path.stat().st_size)
            target.write(block)
    return folder / "plain.tar"


def _tar_member(plain: Path, info: tarfile.TarInfo) -> Member:
    path = _decoded(info.name.encode("utf-8", "surrogateescape")) or ascii(info.name)
    folder, _, name = path.removeprefix("./").rpartition("/")

    def part(size: int) -> bytes:
        with plain.open("rb") as file:
            file.seek(info.offset_data)
            return file.read(size)

    def read() -> bytes:
        data = part(info.size)
        if len(data) < info.size:
            raise UnreadableMemberError("it is damaged in the archive (it is cut off); pack it again")
        return data

    return Member(path, folder, name, read, lambda: part(min(info.size, HEAD_BYTES)), _tar_problem(info))


def _tar_problem(info: tarfile.TarInfo) -> str:
    if TRICK.search(info.name):
        return "its path leads out of the archive or can't be a file's name; such files are never taken"
    if info.issym() or info.islnk():
        return "it is a link, not a file; pack the picture itself"
    if not info.isreg() or info.sparse is not None:
        return "it is no plain file; pack the picture itself"
    return _too_large(info.size)


def _name(info: zipfile.ZipInfo) -> str:
    """As it was meant: old programs write UTF-8 or the system's code page (Chinese Windows: GBK) unmarked."""
    if info.flag_bits & UTF8_NAME:
        return info.orig_filename
    return _decoded(info.orig_filename.encode("cp437", "replace")) or info.orig_filename


def _decoded(raw: bytes) -> str:
    """Empty where it is in neither way of writing."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""


def _problem(path: str, info: zipfile.ZipInfo) -> str:
    if TRICK.search(path):
        return "its path leads out of the archive or can't be a file's name; such files are never taken"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link, not a file; pack the picture itself"
    if info.flag_bits & ENCRYPTED:
        return "it is encrypted; unpack the zip with its password, then add the folder"
    return _too_large(info.file_size)


def _too_large(size: int) -> str:
    if size > MOST_MEMBER_BYTES:
        return f"it is {size / 1e6:.0f} MB unpacked; at most {MOST_MEMBER_BYTES / 1e6:.0f} are read"
    return ""


def _is_hidden(member: Member) -> bool:
    parts = [part for part in member.folder.split("/") if part not in ("", ".", "..")]
    return not member.problem and (is_junk(member.name) or any(is_junk_folder(part) for part in parts))
