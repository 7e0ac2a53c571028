"""Files as other programs leave them, and what an import says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from train_tools.planning.grid import make_grid
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.read import import_settings


def text(tmp_path: Path, name: str, content: str, family: str = "") -> Imported:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return import_settings(file, family)


def as_json(tmp_path: Path, data: Any) -> Imported:
    return text(tmp_path, "settings.json", json.dumps(data))


def reasons(imported: Imported) -> dict[str, str]:
    """Of what isn't taken, and of what the file doesn't say."""
    return {left.key: left.reason for left in (*imported.left_out, *imported.not_said)}


def can_be_planned(imported: Imported) -> bool:
    """Every setting is one value that the grid takes."""
    return not make_grid(imported.settings).axes


def some_of(imported: Imported, expected: dict[str, Any]) -> dict[str, Any]:
    return {name: imported.settings.get(name) for name in expected}
