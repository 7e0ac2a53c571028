"""Legends are never cut; sheets stay within bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train_tools.preview import sheet, text
from train_tools.preview.sheet import Difference, Sheet, draw, pages

LONG = "zorb, a purple circle on a white background, masterpiece, best quality, highly detailed, studio light"
ARABIC = "دائرة أرجوانية على خلفية بيضاء"
HEBREW = "עיגול סגול על רקע לבן"
RED = Image.new("RGB", (64, 64), "red")


@pytest.mark.parametrize(
    "label",
    [
        LONG,
        "紫色的圆形在白色的背景上" * 6,
        "x" * 300,
        "two\nlines",
        "",
        ARABIC * 4,
        HEBREW * 4,
        "🎨 ☃ é" * 30,
    ],
)
def test_wrapped_lines_fit_and_lose_nothing(label: str) -> None:
    lines = text.wrap(label, 128)
    assert all(text.width_of(line) <= 128 for line in lines)
    assert "".join(lines).replace(" ", "") == label.replace(" ", "").replace("\n", "")


def test_rows_grow_with_their_labels() -> None:
    drawn = draw(Sheet("title", ["a", "b"], [LONG * 8, "short"], [[RED, None], [RED, RED]], (64, 64)))
    pixels = np.asarray(drawn)
    reds = (pixels == (255, 0, 0)).all(-1)
    assert reds.sum() == 3 * 128 * 128  # three pictures, enlarged, none covered
    assert drawn.height > 128 + 300  # the long label needs more than its picture


def test_nothing_is_drawn_over_the_edge() -> None:
    drawn = draw(Sheet(LONG * 5, [LONG, "b"], [LONG, HEBREW], [[RED, "failed"], [RED, RED]], (64, 64)))
    pixels = np.asarray(drawn)
    for edge in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert (edge == 255).all()


def test_smaller_pictures_stand_in_the_middle() -> None:
    wide = Image.new("RGB", (256, 128), "red")
    drawn = draw(Sheet("t", ["a"], ["r", "s"], [[wide], [Image.new("RGB", (128, 128), "blue")]], (256, 128)))
    blue = np.argwhere((np.asarray(drawn) == (0, 0, 255)).all(-1))
    red = np.argwhere((np.asarray(drawn) == (255, 0, 0)).all(-1))
    assert blue[:, 1].min() - red[:, 1].min() == red[:, 1].max() - blue[:, 1].max() == 64


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 3), (3, 40), (40, 3), (25, 25)])
def test_what_is_too_large_is_split_into_pages(rows: int, columns: int) -> None:
    area = 1_500_000
    whole = Sheet(
        LONG, [f"column {n}" for n in range(columns)], [f"row {n} {LONG}" for n in range(rows)],
        [[RED] * columns for _ in range(rows)], (64, 64),
    )  # fmt: skip
    parts = pages(whole, side=1600, area=area)
    for part in parts:
        width, height = draw(part.sheet).size
        assert max(width, height) <= 1600
        assert width * height <= area
    covered = np.zeros((rows, columns), int)
    for part in parts:
        covered[part.rows, part.columns] += 1
    assert (covered == 1).all()
    assert (len(parts) == 1) == (rows * columns <= 21)


def test_one_picture_that_is_too_large_has_its_own_page() -> None:
    parts = pages(Sheet("t", ["a", "b"], ["r"], [[RED, RED]], (64, 64)), side=10, area=10)
    assert [part.columns for part in parts] == [slice(0, 1), slice(1, 2)]


def test_differences(tmp_path: Path) -> None:
    Image.new("RGB", (128, 128), (100, 50, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (128, 128), (90, 50, 4)).save(tmp_path / "b.png")
    drawn = draw(Sheet("t", ["x"], ["r"], [[Difference(tmp_path / "a.png", tmp_path / "b.png")]], (128, 128)))
    assert (np.asarray(drawn) == 10 * sheet.DIFFERENCE).all(-1).sum() == 128 * 128


def test_every_letter_finds_a_font() -> None:
    """The environment's own fonts have Latin, Greek, Cyrillic, Chinese, Japanese and Korean letters."""
    missing = [
        c
        for c in "aäßЖΩぁ漢한→×"
        if bytes(text._fonts()[text._font_with(c)].getmask(c))
        == bytes(text._fonts()[0].getmask(text.NOWHERE))
    ]
    assert missing == []


def test_right_to_left_text_is_in_visual_order() -> None:
    pytest.importorskip("bidi")
    pytest.importorskip("arabic_reshaper")
    assert text.in_visual_order("אב 12 ab") == "ab 12 בא"
    shaped = text.in_visual_order("بيت")
    assert shaped != "بيت"
    assert len(shaped) == 3
    assert all("ARABIC LETTER" in __import__("unicodedata").name(c) for c in shaped)
    assert text.in_visual_order("plain 漢字") == "plain 漢字"
