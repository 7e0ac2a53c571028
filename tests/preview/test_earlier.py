"""Pictures that earlier programs drew are shown further, where they are what would be drawn now."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from preview.hosts import Bridge
from preview.samples import PROMPTS, settings

from train_tools.compare.marks import CELL, Target, read_marks, set_mark
from train_tools.preview.cells import Cell
from train_tools.preview.earlier import earlier_key, ends_of
from train_tools.preview.index import read_index
from train_tools.preview.infotext import pairs_of
from train_tools.preview.service import PreviewResult, check, preview
from train_tools.workspace.workspace import Version

FORGE = {"host": "Forge f2.0.1", "vae": "", "modules": [], "ensd": 0, "rng": "GPU", "options": {}}


def chosen(**changes: Any) -> Any:
    return settings(**{"prompts": PROMPTS[:1], "difference": False, **changes})


def render(version: Version, bridge: Bridge | None = None, **changes: Any) -> PreviewResult:
    return preview(version, chosen(**changes), lambda _: None, bridge=bridge)


def as_before(version: Version, bridge: Bridge | None = None, **said: str) -> dict[str, str]:
    """Gives all pictures the names and texts that the program before had given; answers with their keys, new to old."""
    given = {}
    for cell in {cell.path: cell for cell in check(version, chosen(), bridge).cells}.values():
        old = earlier_key(cell.recipe, ends_of(cell.base_model))
        _write(cell, cell.path.with_name(f"cell-{old}.png"), said)
        given[cell.key] = old
    return given


def _write(cell: Cell, path: Path, said: dict[str, str]) -> None:
    with Image.open(cell.path) as image:
        lines = str(image.info["parameters"]).split("\n")
        kept = [pair for pair in pairs_of(lines[-1]) if pair.partition(":")[0] not in ("Train Tools", *said)]
        info = PngInfo()
        last = ", ".join([*kept, *(f"{name}: {value}" for name, value in said.items() if value)])
        info.add_itxt("parameters", "\n".join([*lines[:-1], last]))
        image.save(path, pnginfo=info)
    cell.path.unlink()


def test_they_are_kept_with_their_keys_and_marks(version: Version) -> None:
    first = render(version)
    given = as_before(version)
    old = next(iter(given.values()))
    set_mark(version, Target(CELL, old, "picture"), "star", None)
    again = render(version)
    assert (again.rendered, again.kept, len(given)) == (0, 4, first.rendered)
    assert {cell.key for cell in read_index(version).cells} == set(given.values())
    assert read_marks(version)[CELL, old].mark == "star"
    assert all((version.folder / cell.image).is_file() for cell in read_index(version).cells)
    wider = render(version, weights=(0.0, 0.5, 1.0))
    assert (wider.rendered, wider.kept) == (3, 4)


def test_those_of_another_model_with_the_same_ends_are_not(
    version: Version, base_file: Path, tmp_path: Path
) -> None:
    """Earlier programs took both for one: whose pictures they are is only known where they tell their model's hash."""
    twin = tmp_path / "twin.safetensors"
    data = bytearray(base_file.read_bytes())
    data[len(data) // 2] ^= 1
    twin.write_bytes(data)
    assert ends_of(twin) == ends_of(base_file)
    render(version)
    as_before(version)
    assert render(version, base_models=("trained", str(twin))).rendered == 8
    cells = {(cell.base_model, cell.weight): cell.key for cell in read_index(version).cells}
    assert len(set(cells.values())) == len(cells) == 4


def test_those_of_a_model_that_was_replaced_since_are_not(
    version: Version, base_file: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.safetensors"
    shutil.copy(base_file, model)
    render(version, base_models=(str(model),))
    for cell in {
        cell.path: cell for cell in check(version, chosen(base_models=(str(model),))).cells
    }.values():
        _write(cell, cell.path.with_name(f"cell-{earlier_key(cell.recipe, ends_of(model))}.png"), {})
    assert render(version, base_models=(str(model),)).rendered == 0
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    newer = max(path.stat().st_mtime for path in version.folder.rglob("cell-*.png")) + 5
    os.utime(model, (newer, newer))
    assert render(version, base_models=(str(model),)).rendered == 4


@pytest.mark.parametrize(
    ("said", "now", "is_kept"),
    [
        ({}, {}, True),
        ({"Version": "f2.0.0"}, {}, False),
        ({"Module 1": "ae"}, {}, False),
        ({"RNG": "CPU"}, {}, False),
        ({"RNG": "CPU"}, {"rng": "CPU"}, True),
        ({}, {"options": {"Emphasis": "No norm"}}, False),
        ({"Emphasis": "No norm"}, {"options": {"Emphasis": "No norm"}}, True),
        ({}, {"ensd": 31337}, False),
        ({"Model hash": "0123456789"}, {}, False),
    ],
)
def test_a_webuis_pictures_say_what_was_in_force(
    version: Version, base_file: Path, said: dict[str, str], now: dict[str, Any], is_kept: bool
) -> None:
    bridge = Bridge([base_file], settings={**FORGE, **now})
    render(version, bridge)
    as_before(version, bridge, **{"Model hash": "", **said})
    assert (render(version, bridge).rendered == 0) == is_kept
