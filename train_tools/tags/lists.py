"""Lists of tags that a person put into `<root>/train_tools/tags`: what other programs complete tags by.

A file is CSV as the webui's tag completion reads it (`name,category,count,"alias,alias"`), CSV with a head that names
its columns (as a WD tagger's selected_tags.csv), pairs `name,translation`, or text with a tag a line.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.workspace import files
from train_tools.workspace.names import check_name

SUFFIXES = (".csv", ".txt")
ENCODINGS = ("utf-8-sig", "gb18030")  # the second as spreadsheets in Chinese write it
# What a head may call a column -> which one that is.
HEADS = {
    "name": 0, "tag": 0, "tags": 0,
    "category": 1, "type": 1,
    "count": 2, "post_count": 2, "posts": 2,
    "alias": 3, "aliases": 3, "translation": 3, "zh": 3, "cn": 3,
}  # fmt: skip
USUAL = {0: 0, 1: 1, 2: 2, 3: 3}
PAIR = {0: 0, 1: 3}
COUNTED = {0: 0, 1: 2}
MOST_CATEGORIES = 15  # numbers up to this in a second and last column are categories
LONGEST = 200  # characters of a tag
LETTERS_IN_A_ROW = re.compile(r"[^\W_]{2}")
# The list that the webui's tag completion has for danbooru, from a webui's folder.
COMPLETION = "extensions/*tag*complete*/tags/danbooru*.csv"
FIRST = 1 << 16  # characters that tell whether a file is a list
ABOVE = 3  # folders above the root in which the webui may be


@dataclass(frozen=True)
class ListedTag:
    """`category` is the list's own number: in danbooru's 0 general, 1 artist, 3 copyright, 4 character, 5 meta."""

    name: str
    category: int = 0
    count: int = 0
    aliases: tuple[str, ...] = ()


def read_list(path: Path, most: int | None = None) -> list[ListedTag]:
    """In the file's order, of its first `most` characters.

    Raises UsageError where it can't be read or holds no tags.
    """
    text = _text(path)[:most]
    if path.suffix.lower() == ".txt":
        names = (line.strip().rstrip(",") for line in text.splitlines())
        found = [
            ListedTag(name) for name in names if name and not name.startswith("#") and len(name) <= LONGEST
        ]
    else:
        try:
            found = list(_rows(text))
        except csv.Error as error:
            raise UsageError(f"{path.name} is no CSV file ({error}); save it as CSV anew") from error
    if not found:
        raise UsageError(
            f"{path.name} holds no tags; give a file with a tag a line, or name,category,count,aliases"
        )
    return found


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path.name} can't be read ({error.strerror or error})") from error
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{path.name} isn't text; save it as UTF-8")


def _rows(text: str) -> Iterator[ListedTag]:
    csv.field_size_limit(1 << 24)  # lists of aliases grow long
    lines = csv.reader(text.replace("\0", "").splitlines())
    columns, rows = _columns([row for row in lines if row and row[0].strip()])
    places = {column: place for place, column in columns.items()}
    for row in rows:
        name = _cell(row, places.get(0)).strip()
        if name and len(name) <= LONGEST:
            yield ListedTag(
                name,
                _number(_cell(row, places.get(1))),
                _number(_cell(row, places.get(2))),
                tuple(one for piece in _cell(row, places.get(3)).split(",") if (one := piece.strip())),
            )


def _columns(rows: Sequence[Sequence[str]]) -> tuple[Mapping[int, int], Sequence[Sequence[str]]]:
    """Place of a column -> what it is, and the rows without their head."""
    if not rows:
        return USUAL, rows
    head = [cell.strip().lower() for cell in rows[0]]
    named = {place: HEADS[cell] for place, cell in enumerate(head) if cell in HEADS}
    if 0 in named.values() and len(named) > 1:
        return named, rows[1:]
    if max(map(len, rows[:100])) > 2:
        return USUAL, rows
    seconds = [row[1].strip() for row in rows if len(row) > 1]
    if not all(cell.isdigit() for cell in seconds):
        return PAIR, rows
    return (COUNTED if any(int(cell) > MOST_CATEGORIES for cell in seconds) else USUAL), rows


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place] if place is not None and place < len(row) else ""


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0


def is_kaomoji(name: str) -> bool:
    """Faces such as ^_^, 0_0 and (o)_(o): nowhere do two letters or digits follow each other."""
    return LETTERS_IN_A_ROW.search(name) is None


def found_lists(root: Path) -> dict[str, Path]:
    """By name: what the tag completion of a webui has, whose outputs `root` is a part of."""
    above = [root.absolute(), *root.absolute().parents][: ABOVE + 1]
    return {path.name: path for folder in reversed(above) for path in sorted(folder.glob(COMPLETION))}


def keep_list(folder: Path, name: str, file: Path) -> Path:
    """Copies a list into `folder`, under another name where that is taken.

    Raises UsageError where it holds no tags (nothing is kept then).
    """
    check_name(name, "file")
    stem, dot, suffix = name.rpartition(".")
    if f"{dot}{suffix}".lower() not in SUFFIXES or not stem:
        raise UsageError(f"{name} is no list of tags; give a .csv or .txt file")
    folder.mkdir(parents=True, exist_ok=True)
    copy = files.temporary_sibling(folder / name).with_suffix(f".{suffix}")
    try:
        shutil.copyfile(file, copy)
        try:
            read_list(copy, FIRST)
        except UsageError as error:
            raise UsageError(str(error).replace(copy.name, name)) from error
        target, number = folder / name, 2
        while target.exists():
            target = folder / f"{stem}-{number}.{suffix}"
            number += 1
        files.replace(copy, target)
    finally:
        copy.unlink(missing_ok=True)
    return target
