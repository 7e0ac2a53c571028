"""A picture's key: what it depends on, and nothing that would draw a version's pictures once more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from train_tools.preview.cells import Recipe
from train_tools.preview.prompts import read_as
from train_tools.preview.renderer import NAMES
from train_tools.preview.settings import RENDERERS

PLAIN = Recipe(
    "a1", 1.0, 0.5, "OUTALL", "b2", "zorb 红", "blurry", 7, "DDIM", "Automatic", 20, 5.0, 1, 512, 768, "diffusers"
)  # fmt: skip


def test_pictures_of_before_families_had_settings_keep_their_keys() -> None:
    assert PLAIN.key == "7a0d8f98a51bd76f"
    by_host = replace(
        PLAIN, lora="", weight_unet=0.0, weight_te=0.0, block_weights="", renderer="host",
        force='{"host": "Forge f2.0.1"}',
    )  # fmt: skip
    assert by_host.key == "baa16fd1cf284c15"


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": 3.5},
        {"shift": 3.0},
        {"rescale": 0.7},
        {"prediction": "v"},
        {"zero_snr": True},
        {"zero_snr": False},
    ],
)
def test_what_a_family_adds_makes_another_picture(change: dict[str, Any]) -> None:
    assert replace(PLAIN, **change).key != PLAIN.key


@pytest.mark.parametrize(
    ("prompt", "is_new"),
    [
        ("a red ball on a table that stands in a room with a window and a door, wide, bright", False),
        ("a (red:1.3) ball", True),
        ("one BREAK two", True),
        ("a red ball, " * 30, True),
    ],
)
def test_pictures_whose_prompts_our_renderer_read_otherwise_are_drawn_anew(prompt: str, is_new: bool) -> None:
    changed = replace(PLAIN, texts=read_as("diffusers", prompt, ""))
    assert (changed.key != PLAIN.key) is is_new
    assert replace(PLAIN, texts=read_as("diffusers", "", prompt)) == changed
    assert replace(PLAIN, texts=read_as("host", prompt, prompt)).key == PLAIN.key


def test_each_renderer_can_be_asked_for() -> None:
    assert ("auto", *NAMES) == RENDERERS
