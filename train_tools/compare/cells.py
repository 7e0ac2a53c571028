"""The rendered pictures of a version, as the previews' index lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.place import previews
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json
from train_tools.workspace.workspace import Version

INDEX = "previews.json"


@dataclass(frozen=True)
class Cell:
    """`key` is made from all that the picture depends on; `image` is relative to the version's folder.

    `values` are those of the axes, the prompt among them. `error` says why there is no picture.
    """

    run: str
    file: str
    key: str
    image: str
    values: Mapping[str, Any]
    error: str = ""

    def path(self, version: Version) -> Path:
        return version.folder / self.image


def read_cells(version: Version) -> list[Cell]:
    """In the order of the index; empty where nothing was rendered yet."""
    try:
        rows = read_json(previews(version) / INDEX)["cells"]
    except (FileNotFoundError, TrainToolsError):
        return []
    return [
        Cell(
            row["run"], row["checkpoint"], Path(row["image"]).stem.removeprefix("cell-"), row["image"],
            {"prompt": row["prompt"], "weight": row["weight"]},
        )
        for row in rows
    ]  # fmt: skip
