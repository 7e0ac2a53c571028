"""Legends are never cut."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from train_tools.preview import sheet
from train_tools.preview.settings import PreviewSettings, split_prompts
from train_tools.workspace.settings import build

LONG = "zorb, a purple circle on a white background, masterpiece, best quality, highly detailed, studio light"


@pytest.mark.parametrize("text", [LONG, "紫色的圆形在白色的背景上" * 6, "x" * 300, "two\nlines", ""])
def test_wrapped_lines_fit_and_lose_nothing(text: str) -> None:
    lines = sheet.wrap(text, 128)
    assert all(sheet._text_width(line) <= 128 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_rows_grow_with_their_labels() -> None:
    picture = Image.new("RGB", (64, 64), "red")
    drawn = sheet.draw(
        sheet.Sheet("title", ["a", "b"], [LONG * 8, "short"], [[picture, None], [picture, picture]])
    )
    pixels = np.asarray(drawn)
    reds = (pixels == (255, 0, 0)).all(-1)
    assert reds.sum() == 3 * 128 * 128  # three pictures, enlarged, none covered
    assert drawn.height > 128 + 300  # the long label needs more than its picture


def test_prompts_are_separated_by_bars() -> None:
    assert split_prompts("a, b | c,d |") == ("a, b", "c,d")
    made = build(PreviewSettings, {"prompts": "x|y", "weights": "0, 0.8"})
    assert (made.prompts, made.weights) == (("x", "y"), (0.0, 0.8))
