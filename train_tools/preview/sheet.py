"""Draws pictures as a table with legends that are never cut: long labels wrap, rows grow to hold them.

A sheet that would be larger than a viewer can open is split into pages, each with its legends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from .text import LINE_HEIGHT, height_of, width_of, wrap, write

MINIMUM_CELL = 128  # smaller pictures are shown enlarged to at least this many pixels
LARGEST_SIDE = 16_000  # pixels; WebP holds 16,383
LARGEST_AREA = 60_000_000  # pixels; browsers and viewers give up not far above
GAP = 6
MARGIN = 12
WIDEST_LABEL = 320
INK = (32, 33, 36)
FAINT = (150, 152, 156)
PAPER = (255, 255, 255)
EMPTY = (243, 244, 246)
DIFFERENCE = 2  # by what differences are multiplied, as small ones can't be seen


@dataclass(frozen=True)
class Difference:
    """How much `picture` differs from `base`, pixel by pixel; black: not at all, white: by half of all or more."""

    picture: Path
    base: Path


Place = Image.Image | Path | Difference | str | None  # text stands in the place of a picture that there isn't


@dataclass(frozen=True)
class Sheet:
    """A table of pictures: `rows[i][j]` has the labels `row_labels[i]` and `column_labels[j]`.

    `cell` is width and height of the largest picture in pixels; smaller ones stand in its middle.
    """

    title: str
    column_labels: Sequence[str]
    row_labels: Sequence[str]
    rows: Sequence[Sequence[Place]]
    cell: tuple[int, int]


@dataclass(frozen=True)
class _Layout:
    """All in pixels. Labels are wrapped into lines."""

    factor: int
    width: int
    height: int
    label_width: int
    title: list[str]
    columns: list[list[str]]
    rows: list[list[str]]

    @property
    def head(self) -> int:
        return max(map(height_of, self.columns), default=0) + GAP

    @property
    def top(self) -> int:
        """Where the head starts."""
        return MARGIN + height_of(self.title) + GAP

    @property
    def row_heights(self) -> list[int]:
        return [max(self.height, height_of(lines)) for lines in self.rows]

    @property
    def lefts(self) -> list[int]:
        start = MARGIN + self.label_width + GAP
        return [start + j * (self.width + GAP) for j in range(len(self.columns))]

    @property
    def size(self) -> tuple[int, int]:
        width = self.lefts[-1] + self.width + MARGIN
        return width, self.top + self.head + sum(height + GAP for height in self.row_heights) - GAP + MARGIN


def _layout(sheet: Sheet) -> _Layout:
    factor = max(1, -(-MINIMUM_CELL // min(sheet.cell)))
    width, height = sheet.cell[0] * factor, sheet.cell[1] * factor
    widest = max((width_of(line) for label in sheet.row_labels for line in label.split("\n")), default=0)
    label_width = min(WIDEST_LABEL, widest)
    total = label_width + len(sheet.column_labels) * (width + GAP)
    return _Layout(
        factor, width, height, label_width, wrap(sheet.title, total),
        [wrap(label, width) for label in sheet.column_labels],
        [wrap(label, label_width) if label else [] for label in sheet.row_labels],
    )  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A part of a sheet that is drawn by itself; `columns` and `rows` are those of the whole that it has."""

    sheet: Sheet
    columns: slice
    rows: slice


def pages(sheet: Sheet, side: int = LARGEST_SIDE, area: int = LARGEST_AREA) -> list[Page]:
    """The sheet, or as many parts of it as the bounds in pixels ask for; a part has at least one picture."""
    at_once = _columns_at_once(sheet, side, area)
    found = []
    for start in range(0, len(sheet.column_labels), at_once):
        columns = slice(start, start + at_once)
        part = replace(
            sheet, column_labels=sheet.column_labels[columns], rows=[row[columns] for row in sheet.rows]
        )
        for rows in _row_slices(part, side, area):
            cut = replace(part, row_labels=part.row_labels[rows], rows=part.rows[rows])
            found.append(Page(cut, columns, rows))
    if len(found) == 1:
        return found
    titles = [f"{sheet.title} · page {number} of {len(found)}" for number in range(1, len(found) + 1)]
    return [
        replace(page, sheet=replace(page.sheet, title=title))
        for page, title in zip(found, titles, strict=True)
    ]


def _columns_at_once(sheet: Sheet, side: int, area: int) -> int:
    layout = _layout(sheet)
    tallest = layout.top + layout.head + max(layout.row_heights) + MARGIN
    widest = min(side, area // tallest)
    return max(1, (widest - 2 * MARGIN - layout.label_width) // (layout.width + GAP))


def _row_slices(sheet: Sheet, side: int, area: int) -> Iterator[slice]:
    layout = _layout(sheet)
    # A second line of title may come with the page's number.
    head = layout.top + layout.head + LINE_HEIGHT + MARGIN
    highest = min(side, area // layout.size[0])
    start, used = 0, head
    for number, height in enumerate(layout.row_heights):
        if number > start and used + height + GAP > highest:
            yield slice(start, number)
            start, used = number, head
        used += height + GAP
    yield slice(start, len(sheet.rows))


def draw(sheet: Sheet) -> Image.Image:
    """The sheet as one RGB picture."""
    layout = _layout(sheet)
    canvas = Image.new("RGB", layout.size, PAPER)
    pen = ImageDraw.Draw(canvas)
    write(pen, (MARGIN, MARGIN), layout.title, INK)
    for left, lines in zip(layout.lefts, layout.columns, strict=True):
        # At the foot of the head, close to the pictures.
        write(pen, (left, layout.top + layout.head - GAP - height_of(lines)), lines, INK, layout.width)
    top = layout.top + layout.head
    for lines, places, height in zip(layout.rows, sheet.rows, layout.row_heights, strict=True):
        write(pen, (MARGIN, top + (height - height_of(lines)) // 2), lines, INK, layout.label_width)
        for left, place in zip(layout.lefts, places, strict=True):
            _put(canvas, pen, (left, top), place, layout)
        top += height + GAP
    return canvas


def _put(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, at: tuple[int, int], place: Place, layout: _Layout
) -> None:
    picture = _opened(place)
    if picture is None:
        pen.rectangle((*at, at[0] + layout.width - 1, at[1] + layout.height - 1), fill=EMPTY)
        lines = wrap(place, layout.width - 2 * GAP) if isinstance(place, str) else []
        write(pen, (at[0] + GAP, at[1] + (layout.height - height_of(lines)) // 2), lines, FAINT)
        return
    if layout.factor > 1:
        picture = picture.resize(
            (picture.width * layout.factor, picture.height * layout.factor), Image.Resampling.BICUBIC
        )
    canvas.paste(
        picture, (at[0] + (layout.width - picture.width) // 2, at[1] + (layout.height - picture.height) // 2)
    )


def _opened(place: Place) -> Image.Image | None:
    if isinstance(place, Path):
        with Image.open(place) as image:
            return image.convert("RGB")
    if isinstance(place, Difference):
        picture, base = _opened(place.picture), _opened(place.base)
        assert picture is not None
        assert base is not None
        red, green, blue = ImageChops.difference(picture, base).split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        return most.point(lambda value: min(255, value * DIFFERENCE)).convert("RGB")
    return None if isinstance(place, str) else place
