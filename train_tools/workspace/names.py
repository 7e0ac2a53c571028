"""Names that become folders: any script is welcome, what a file system can't hold is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from train_tools.errors import UsageError

MAXIMUM_BYTES = 120  # UTF-8; leaves room for a time stamp before it and a suffix behind it in 255
FORBIDDEN = '<>:"|?*'
# They turn the text behind them around, so that a name shows as another one.
TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{device}{digit}" for device in ("COM", "LPT") for digit in "0123456789¹²³"]
)


def check_name(name: str, what: str) -> str:
    """Returns `name`; raises UsageError with the reason where no folder may be called so."""
    reason = why_not(name)
    if reason:
        raise UsageError(f"{what} name {name!r} can't be used: {reason}")
    return name


def check_new_name(name: str, what: str, existing: Iterable[str]) -> str:
    """`check_name`, and it must differ from `existing` by more than letter case or Unicode form."""
    return check_free(check_name(name, what), what, existing)


def check_free(name: str, what: str, existing: Iterable[str]) -> str:
    """Returns `name`; raises UsageError where one of `existing` is the same on some disk."""
    for other in existing:
        if other == name:
            raise UsageError(f"{what} {name!r} exists already; choose another name")
        if same_on_some_disk(other, name):
            raise UsageError(
                f"{what} name {name!r} differs from the existing {other!r} only in letter case or accents' "
                "encoding, which many disks can't tell apart; choose another name"
            )
    return name


def same_on_some_disk(one: str, other: str) -> bool:
    """Windows and macOS compare names without regard to letter case and Unicode normal form."""
    return comparable(one) == comparable(other)


def comparable(name: str) -> str:
    """Equal for names that any disk, or a reader's eye, could take for one another.

    Invisible characters don't count (HFS+ ignores some), and letters are equal where their capitals are:
    Windows compares capitals, other systems fold, and the two differ for ı, ß, ſ and their like.
    """
    if name.isascii():
        return name.upper().casefold()  # what the rest comes to, and thousands of run names are
    text = "".join(character for character in name if unicodedata.category(character) != "Cf")
    for _ in range(2):  # a capital can fall into a letter and an accent, which have capitals of their own
        text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).upper().casefold())
    return unicodedata.normalize("NFC", text)


def why_not(name: str) -> str | None:
    """The reason why `name` can't be a folder's name on Windows, macOS and Linux alike; None if it can."""
    return next(faults(name), None)


def faults(name: str) -> Iterator[str]:
    """The first is what to tell; those behind it take for granted that it isn't there."""
    if not name.strip():
        yield "it is empty"
    if "/" in name or "\\" in name:
        yield "it holds a path separator (/ or \\)"
    if name in (".", ".."):
        yield "'.' and '..' mean folders"
    yield from bad_characters(name)
    if not comparable(name):
        yield "nothing of it can be seen"
    if name[0].isspace():
        yield "it starts with a blank"
    if name[0] == ".":
        yield "it starts with a dot, which hides it"
    if name[-1].isspace() or name[-1] == ".":
        yield "it ends with a dot or a blank, which Windows drops"
    device = name.partition(".")[0].rstrip()
    if device.upper() in RESERVED:
        yield f"{device} is a device on Windows"
    size = len(name.encode("utf-8"))
    if size > MAXIMUM_BYTES:
        yield f"it is {size} bytes long in UTF-8, and at most {MAXIMUM_BYTES} are allowed"


def bad_characters(name: str) -> Iterator[str]:
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in TURNING:
            yield f"it holds the control character U+{ord(character):04X}"
        if character in FORBIDDEN:
            yield f"it holds {character}, which Windows doesn't allow in names"
        if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
            yield f"it holds U+{ord(character):04X}, which is no character"
