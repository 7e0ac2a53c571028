"""Draws pictures as a table with legends that are never cut: long labels wrap, rows grow to hold them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

MINIMUM_CELL = 128  # smaller pictures are shown enlarged to at least this many pixels
GAP = 6
MARGIN = 12
TEXT_SIZE = 14
INK = (32, 33, 36)
PAPER = (255, 255, 255)
LINE_SPACING = 4
FONT_PACKAGE = "paperang_p2_fonts_cjk"  # carries WenQuanYi Micro Hei


@dataclass(frozen=True)
class Sheet:
    """A table of pictures of one size: `rows[i][j]` has the labels `row_labels[i]`, `column_labels[j]`.

    None leaves a place empty.
    """

    title: str
    column_labels: Sequence[str]
    row_labels: Sequence[str]
    rows: Sequence[Sequence[Image.Image | None]]


def draw(sheet: Sheet) -> Image.Image:
    """The sheet as one RGB picture."""
    first = next(p for row in sheet.rows for p in row if p is not None)
    factor = max(1, -(-MINIMUM_CELL // min(first.size)))
    width, height = first.width * factor, first.height * factor
    label_width = min(320, max(_text_width(label) for label in sheet.row_labels) + 1)
    row_texts = [wrap(label, label_width) for label in sheet.row_labels]
    column_texts = [wrap(label, width) for label in sheet.column_labels]
    total_width = 2 * MARGIN + label_width + len(sheet.column_labels) * (width + GAP)
    title = wrap(sheet.title, total_width - 2 * MARGIN)
    title_height = _text_height(title) + GAP
    head = max(_text_height(text) for text in column_texts) + GAP
    row_heights = [max(height, _text_height(text)) for text in row_texts]
    total_height = 2 * MARGIN + title_height + head + sum(h + GAP for h in row_heights)
    canvas = Image.new("RGB", (total_width, total_height), PAPER)
    pen = ImageDraw.Draw(canvas)
    _write(pen, (MARGIN, MARGIN), title)
    lefts = [MARGIN + label_width + GAP + j * (width + GAP) for j in range(len(sheet.column_labels))]
    for left, text in zip(lefts, column_texts, strict=True):
        _write(pen, (left, MARGIN + title_height), text)
    top = MARGIN + title_height + head
    for text, pictures, row_height in zip(row_texts, sheet.rows, row_heights, strict=True):
        _write(pen, (MARGIN, top + (row_height - _text_height(text)) // 2), text)
        for left, picture in zip(lefts, pictures, strict=True):
            if picture is not None:
                canvas.paste(picture.resize((width, height), Image.Resampling.BICUBIC), (left, top))
        top += row_height + GAP
    return canvas


def wrap(text: str, width: int) -> list[str]:
    """Lines no wider than `width` pixels; a word that is too long, or a script without blanks, is broken."""
    lines = [""]
    for word in text.replace("\n", " \n ").split(" "):
        if word == "\n":
            lines.append("")
            continue
        candidate = f"{lines[-1]} {word}".strip()
        if _text_width(candidate) <= width:
            lines[-1] = candidate
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and _text_width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], lines: list[str]) -> None:
    for i, line in enumerate(lines):
        pen.text((place[0], place[1] + i * (TEXT_SIZE + LINE_SPACING)), line, fill=INK, font=_font())


def _text_width(text: str) -> int:
    return int(max((_font().getlength(line) for line in text.split("\n")), default=0)) + 1


def _text_height(lines: list[str]) -> int:
    return len(lines) * (TEXT_SIZE + LINE_SPACING)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with CJK letters where one is installed, else Pillow's own."""
    for path in _candidates():
        if path.is_file():
            return ImageFont.truetype(str(path), TEXT_SIZE)
    return ImageFont.load_default(TEXT_SIZE)


def _candidates() -> list[Path]:
    """The font that the environment brings, then usual places of fonts with Latin and CJK letters."""
    spec = importlib.util.find_spec(FONT_PACKAGE)
    folders = (spec.submodule_search_locations or []) if spec else []
    windows, linux = Path("C:/Windows/Fonts"), Path("/usr/share/fonts")
    return [
        *(Path(folder) / "fonts" / "wqy-microhei.ttc" for folder in folders),
        windows / "msyh.ttc",
        windows / "meiryo.ttc",
        linux / "opentype/noto/NotoSansCJK-Regular.ttc",
        linux / "truetype/wqy/wqy-microhei.ttc",
        Path("/System/Library/Fonts/PingFang.ttc"),
    ]
