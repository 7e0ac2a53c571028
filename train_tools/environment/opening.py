"""What a double click on `start` means: which root's page is opened, in which environment.

In a webui's folder for extensions that is what its tab shows, by the webui's own settings; else `outputs` beside us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.environment.place import ENVIRONMENT_VARIABLE
from train_tools.environment.program import ROOT_VARIABLE

EXTENSIONS = "extensions"
SETTINGS = "config.json"  # of the webui
PREFIX = "train_tools_"  # of ours in it: hosts.door_settings


def webui_of(clone: Path) -> Path | None:
    """The webui's data folder, where the clone lies in its extensions."""
    data = clone.parent.parent
    is_webui = (data / SETTINGS).is_file() or (data / "webui.py").is_file()
    return data if clone.parent.name == EXTENSIONS and is_webui else None


def root_of(clone: Path) -> Path:
    """As the tab in the webui chooses it (`hosts.door_settings.root`)."""
    data = webui_of(clone)
    if data is None:
        return clone / "outputs"
    if chosen := _setting(data, "root"):
        return (data / chosen).expanduser()
    usual, neo = data / "outputs", data / "output"
    return neo if neo.is_dir() and not (usual / "train_tools").is_dir() else usual


def variables(clone: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Those that are missing: what a person has set goes over all of it."""
    found = {ROOT_VARIABLE: str(root_of(clone))}
    data = webui_of(clone)
    if data is not None and (chosen := _setting(data, "environment")):
        path = (data / chosen).expanduser()
        if not path.is_file():  # a Python of one's own is for the webui alone
            found[ENVIRONMENT_VARIABLE] = str(path)
    return {name: value for name, value in found.items() if not environ.get(name)}


def _setting(data: Path, name: str) -> str:
    try:
        found: Any = json.loads((data / SETTINGS).read_text(encoding="utf-8"))
        return str(found.get(PREFIX + name) or "").strip()
    except (OSError, ValueError, AttributeError):
        return ""
