"""Which relative paths may be taken from, or put into, a file that comes from anywhere."""

from __future__ import annotations

import os
import re
import unicodedata

from train_tools.workspace.names import FORBIDDEN, RESERVED, comparable

LONGEST_PART = 255  # bytes of UTF-8, what file systems take
MOST_PARTS = 40


class Portable:
    """Judges the paths of one archive, one after another; each must be unlike those before it."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def fault(self, path: str, *, is_folder: bool = False) -> str:
        """The reason why `path` can't be taken, empty where it can."""
        parts = path.split("/")
        if len(parts) > MOST_PARTS:
            return "its folders are too deep"
        reason = next((fault for part in parts if (fault := part_fault(part))), "")
        return reason or self._collision(parts, is_folder)

    def _collision(self, parts: list[str], is_folder: bool) -> str:
        whole = "/".join(parts)
        parents = ["/".join(parts[:n]) for n in range(1, len(parts) + is_folder)]
        for parent in parents:
            key = comparable(parent)
            if key in self._files:
                return "it is a file and a folder at once"
            if self._folders.setdefault(key, parent) != parent:
                return f"it differs from {self._folders[key]!r} only in letter case or accents' encoding"
        if is_folder:
            return ""
        key = comparable(whole)
        if key in self._folders:
            return "it is a file and a folder at once"
        if key in self._files:
            return f"it is there twice, as {self._files[key]!r}"
        self._files[key] = whole
        return ""


def part_fault(part: str) -> str:
    """Why no file or folder may be called so; what only Windows doesn't take is a fault there alone."""
    if part in ("", ".", ".."):
        return "it isn't a plain path below its folder"
    if "\\" in part or re.match(r"[A-Za-z]:", part):
        return "it holds a \\ or a drive letter"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in part):
        return "it holds a control character"
    if part[-1] in ". ":
        return "it ends with a dot or a blank, which Windows drops"
    if part.partition(".")[0].rstrip().upper() in RESERVED:
        return "it is called like a device on Windows"
    if os.name == "nt" and set(part) & set(FORBIDDEN):
        return f"it holds one of {FORBIDDEN}"
    if len(part.encode("utf-8")) > LONGEST_PART:
        return "its name is too long"
    return ""
