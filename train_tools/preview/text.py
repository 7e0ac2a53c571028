"""Lines of text in any script: fonts that stand in for each other, right-to-left scripts in their order.

Arabic letters are joined and right-to-left text is put into visual order by arabic-reshaper and python-bidi: Pillow's
own engine for that isn't everywhere, and knows nothing of several fonts in a line.
"""

from __future__ import annotations

import importlib
import importlib.util
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import ImageDraw, ImageFont

TEXT_SIZE = 14
LINE_HEIGHT = TEXT_SIZE + 4
RIGHT_TO_LEFT = ("R", "AL")
MARKS = ("Mn", "Mc", "Me")  # categories of what belongs to the letter before it
NOWHERE = "\uffff"  # in no font: it shows as the box for what is missing
# Files of packages that the environment brings, in the order in which a letter is looked for.
PACKAGED = (
    ("paperang_p2_fonts_cjk", ("fonts/wqy-microhei.ttc",)),
    ("manimgx_fonts", ("NotoSansArabic*.ttf", "NotoSansHebrew*.ttf", "NotoSans*.ttf", "NotoEmoji*.ttf")),
)
WINDOWS, LINUX, MAC = Path("C:/Windows/Fonts"), Path("/usr/share/fonts"), Path("/System/Library/Fonts")
INSTALLED = (
    WINDOWS / "msyh.ttc", WINDOWS / "segoeui.ttf", WINDOWS / "meiryo.ttc",
    LINUX / "opentype/noto/NotoSansCJK-Regular.ttc", LINUX / "truetype/wqy/wqy-microhei.ttc",
    LINUX / "truetype/dejavu/DejaVuSans.ttf", MAC / "PingFang.ttc", MAC / "Supplemental/Arial Unicode.ttf",
)  # fmt: skip


def wrap(text: str, width: int) -> list[str]:
    """Lines no wider than `width` pixels; a word that is too long, or a script without blanks, is broken."""
    lines = [""]
    for word in text.replace("\n", " \n ").split(" "):
        if word == "\n":
            lines.append("")
            continue
        candidate = f"{lines[-1]} {word}".strip()
        if width_of(candidate) <= width:
            lines[-1] = candidate
            continue
        if lines[-1]:
            lines.append("")
        for character in clusters(word):
            if lines[-1] and width_of(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def clusters(word: str) -> list[str]:
    """Letters with the marks that belong to them."""
    found: list[str] = []
    for character in word:
        if found and unicodedata.category(character) in MARKS:
            found[-1] += character
        else:
            found.append(character)
    return found


@lru_cache(maxsize=1 << 16)
def width_of(line: str) -> int:
    """In pixels, rounded up."""
    return int(sum(font.getlength(piece) for font, piece in pieces(line))) + 1 if line else 0


def height_of(lines: list[str]) -> int:
    return len(lines) * LINE_HEIGHT


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    lines: list[str],
    ink: tuple[int, int, int],
    width: int = 0,
) -> None:
    """Lines below each other from `place` on; one that is right-to-left ends at `width`, where that is given."""
    for number, line in enumerate(lines):
        left: float = place[0]
        if width and is_right_to_left(line):
            left += width - width_of(line)
        # All fonts on one base line, as their letters are of different heights.
        base_line = place[1] + number * LINE_HEIGHT + TEXT_SIZE
        for font, piece in pieces(line):
            pen.text((left, base_line), piece, fill=ink, font=font, anchor="ls")
            left += font.getlength(piece)


def is_right_to_left(line: str) -> bool:
    """By its first letter that has a direction."""
    directions = (unicodedata.bidirectional(character) for character in line)
    return next((d in RIGHT_TO_LEFT for d in directions if d in (*RIGHT_TO_LEFT, "L")), False)


@lru_cache(maxsize=4096)
def pieces(line: str) -> tuple[tuple[ImageFont.FreeTypeFont, str], ...]:
    """The line from left to right as it is drawn, in pieces of one font each."""
    is_ordered = _has_right_to_left(line)
    shown = in_visual_order(line)
    chosen: list[int] = []
    for character in shown:
        belongs = chosen and unicodedata.category(character) in MARKS
        chosen.append(chosen[-1] if belongs else _font_with(character))
    # Order and shapes are settled where there are right-to-left letters; elsewhere Pillow's best engine shapes.
    fonts = _fonts(ImageFont.Layout.BASIC) if is_ordered else _fonts()
    groups = groupby(zip(chosen, shown, strict=True), key=lambda pair: pair[0])
    return tuple((fonts[number], "".join(c for _, c in group)) for number, group in groups)


def _has_right_to_left(line: str) -> bool:
    return any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in line)


def in_visual_order(line: str) -> str:
    if not _has_right_to_left(line):
        return line
    reshaper, bidi = _module("arabic_reshaper"), _module("bidi")
    joined = reshaper.reshape(line) if reshaper else line
    return str(bidi.get_display(joined)) if bidi else joined


def _module(name: str) -> Any:
    """None where it isn't installed: such text is still drawn, its letters apart or in the order of typing."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


@lru_cache(maxsize=8192)
def _font_with(character: str) -> int:
    """The first font that has the character; the first of all where none has, and for blanks."""
    if character.isspace():
        return 0
    for number, font in enumerate(_fonts()):
        if bytes(font.getmask(character)) != bytes(font.getmask(NOWHERE)) or character == NOWHERE:
            return number
    return 0


@lru_cache(maxsize=2)
def _fonts(layout: ImageFont.Layout | None = None) -> tuple[ImageFont.FreeTypeFont, ...]:
    """All that are there; Pillow's own where there is none."""
    files = [path for package, names in PACKAGED for path in _in_package(package, names)]
    files += [path for path in INSTALLED if path.is_file()]
    fonts = tuple(
        ImageFont.truetype(str(path), TEXT_SIZE, layout_engine=layout) for path in dict.fromkeys(files)
    )
    if fonts:
        return fonts
    default = ImageFont.load_default(TEXT_SIZE)
    assert isinstance(default, ImageFont.FreeTypeFont)
    return (default,)


def _in_package(package: str, names: tuple[str, ...]) -> Iterator[Path]:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in names:
            yield from sorted(Path(folder).glob(name))
