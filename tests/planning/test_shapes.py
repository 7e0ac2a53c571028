"""What checks of the dataset learn from the training settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.errors import UsageError
from train_tools.planning.shapes import shapes_of
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    return workspace.create_version("zorb", "v1")


def test_each_shape_of_the_grid_once(version: Version) -> None:
    changes = {"resolution": "64,64;96,96", "train_batch_size": "2,4", "learning_rate": "1e-4,wrong"}
    settings.update(version, "training", changes)
    shapes = shapes_of(version)
    assert [(shape.rule.resolution, shape.batch_size) for shape in shapes] == [
        ((64, 64), 2),
        ((64, 64), 4),
        ((96, 96), 2),
        ((96, 96), 4),
    ]
    assert {shape.max_tokens for shape in shapes} == {75}


def test_each_size_of_a_run_has_its_buckets(version: Version) -> None:
    settings.update(version, "training", {"resolution": "96+64; 64"})
    assert [shape.rule.resolution for shape in shapes_of(version)] == [(64, 64), (96, 96)]


def test_the_longest_caption_and_a_wrong_value(version: Version) -> None:
    settings.update(version, "training", {"max_token_length": 225})
    assert [shape.max_tokens for shape in shapes_of(version)] == [225]
    settings.update(version, "training", {"max_token_length": 100})
    with pytest.raises(UsageError, match="max_token_length"):
        shapes_of(version)
