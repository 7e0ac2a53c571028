"""How many regularisation images an epoch shows, by the rule of sd-scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_tools.dataset.training import TrainingImage, beside


def images(*repeats: int) -> list[TrainingImage]:
    return [TrainingImage(Path(f"{n}.png"), "cat", r) for n, r in enumerate(repeats)]


def counted_one_by_one(wanted: int, repeats: list[int]) -> list[int]:
    """As upstream does it, image by image, round by round."""
    shown: list[int] = []
    count, first = 0, True
    while count < wanted:
        for index, own in enumerate(repeats):
            if first:
                shown.append(own)
                count += own
            else:
                shown[index] += 1
                count += 1
            if count >= wanted:
                break
        first = False
    return shown


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=9), st.lists(st.integers(1, 30), min_size=1, max_size=9)
)
def test_it_is_the_rule_of_sd_scripts(train: list[int], reg: list[int]) -> None:
    found = beside(images(*train), images(*reg))
    assert [image.repeats for image in found] == counted_one_by_one(sum(train), reg)
    assert all(image.is_reg for image in found)


@pytest.mark.parametrize("train", [(), (3, 4)])
def test_without_regularisation_images_nothing_is_added(train: tuple[int, ...]) -> None:
    assert beside(images(*train), []) == []
