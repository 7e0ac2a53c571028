"""The index of previews: written, read back, and what a damaged or newer one says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from train_tools.errors import TrainToolsError, UsageError
from train_tools.preview.index import (
    Axis,
    CellEntry,
    Index,
    RunEntry,
    SheetEntry,
    changing,
    index_file,
    read_index,
    write_index,
)
from train_tools.workspace.workspace import Version, Workspace

CELL = CellEntry(
    "k0", "run-a", "a-000001.safetensors", 1, 0.0, 0.0, "", "/models/sd.safetensors", "{trigger} 在草地上",
    "zorb 在草地上", "", 1, "DDIM", "Automatic", 20, 5.0, 1, 512, 768, "diffusers", "previews/base-model/k0.png",
)  # fmt: skip


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("p")
    return workspace.create_version("p", "v")


def test_what_was_written_is_read_back(version: Version) -> None:
    cells = (
        CELL,
        replace(CELL, key="k1", weight_unet=1.0, weight_te=1.0),
        replace(CELL, key="k2", epoch=10, image="", error="the LoRA is damaged"),
    )
    sheet = SheetEntry("previews/s.png", "", "", "t", {"seed": "1"}, ("a", "b"), ("r",), (("k0", None),))
    run = RunEntry("run-a", "Lion", "/models/sd.safetensors", "zorb", {"optimizer_type": "Lion"})
    written = Index(12.5, {"steps": [20]}, ("a note",), (run,), cells, (sheet,))
    with changing(version) as before:
        assert before == Index()
        write_index(version, written)
    assert read_index(version) == written
    data = json.loads(index_file(version).read_text(encoding="utf-8"))
    assert data["common"]["sampler"] == "DDIM"
    assert "sampler" not in data["cells"][0]


def test_axes_are_what_differs(version: Version) -> None:
    cells = (
        CELL,
        replace(CELL, weight_unet=0.5, weight_te=0.5),
        replace(CELL, epoch=10),
        replace(CELL, epoch=2),
    )
    assert Index(cells=cells).axes == (Axis("epoch", (1, 2, 10)), Axis("weight", (0.0, 0.5)))
    apart = (*cells, replace(CELL, weight_unet=1.0))
    assert [axis.name for axis in Index(cells=apart).axes] == ["epoch", "weight_unet", "weight_te"]
    assert replace(CELL, weight_unet=1.0, weight_te=0.25).weight == "UNet 1, TE 0.25"


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", TrainToolsError, "can't be read as JSON"),
        ('{"schema": 3}', UsageError, "newer Train Tools"),
        ('{"schema": 2, "cells": [{}]}', TrainToolsError, "is damaged"),
        ("[]", TrainToolsError, "is damaged"),
    ],
)
def test_a_damaged_or_newer_index_says_so(
    version: Version, text: str, error: type[Exception], words: str
) -> None:
    index_file(version).parent.mkdir()
    index_file(version).write_text(text, encoding="utf-8")
    with pytest.raises(error, match=words):
        read_index(version)


def test_an_index_of_before_is_none(version: Version) -> None:
    index_file(version).parent.mkdir()
    index_file(version).write_text('{"settings": {}, "cells": []}', encoding="utf-8")
    assert read_index(version) == Index()
