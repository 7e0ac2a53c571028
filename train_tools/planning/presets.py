"""Starting values by name: those that ship (presets.toml) and a person's own, one small file each.

A preset holds only what it is about. `style+vram-8gb` puts the second over the first; what a
person sets wins over presets. Own ones lie in <root>/train_tools/presets/<name>.toml and win over shipped ones.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_tools.arguments.current import argument_named, current
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.workspace import toml
from train_tools.workspace.files import move_to_trash, write_text
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import unknown_name
from train_tools.workspace.workspace import Version

SHIPPED = Path(__file__).with_name("presets.toml")
SOURCES = {
    "GUIDE": "https://rentry.org/59xed3",
    "MEMORY": "sd-scripts' documentation on memory",
}


@dataclass(frozen=True)
class Preset:
    """`training` holds settings as version.toml does; `sdxl` what is different on that family of base models."""

    name: str
    help: str
    zh: str
    source: str
    training: Mapping[str, Any]
    sdxl: Mapping[str, Any] = field(default_factory=dict)
    is_own: bool = False

    def settings_for(self, family: str) -> dict[str, Any]:
        return {**self.training, **(self.sdxl if family == "sdxl" else {})}


def own_folder(version: Version) -> Path:
    return version.shared_folder / "presets"


def all_presets(own: Path) -> dict[str, Preset]:
    """Shipped ones in their order, then one's own by name."""
    found = dict(shipped())
    for path in sorted(own.glob("*.toml")) if own.is_dir() else []:
        if not path.name.startswith("."):
            found.pop(path.stem, None)
            found[path.stem] = _read(path.stem, toml.load(path), is_own=True)
    return found


@functools.cache
def shipped() -> Mapping[str, Preset]:
    return {name: _read(name, table) for name, table in toml.load(SHIPPED).items()}


def combined(text: str, presets: Mapping[str, Preset], family: str) -> dict[str, Any]:
    """The values of `style+vram-8gb`; raises UsageError for a name that isn't there."""
    values: dict[str, Any] = {}
    for name in (part.strip() for part in text.split("+")):
        if name not in presets:
            raise UsageError(unknown_name(name, list(presets)).replace("setting", "preset", 1))
        values.update(presets[name].settings_for(family))
    return values


def save(own: Path, name: str, settings: Mapping[str, Any], help: str = "") -> Path:
    """Writes a preset of one's own, over an older one of that name; raises UsageError for wrong settings."""
    check_name(name, "preset")
    if not settings:
        raise UsageError(
            f"preset {name} would hold nothing: set something first, as everything is at its default"
        )
    preset = _read(name, {"help": help, "training": dict(settings)}, is_own=True)
    path = own / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, toml.dumps({"help": preset.help, "training": dict(preset.training)}))
    return path


def delete(own: Path, name: str) -> Path:
    """Moves a preset of one's own to the trash; returns where it lies now."""
    path = own / f"{name}.toml"
    if not path.is_file():
        raise UsageError(f"there is no preset of your own called {name!r}; those that ship can't be deleted")
    return move_to_trash(path, own.parent / "trash")


def _read(name: str, table: Mapping[str, Any], *, is_own: bool = False) -> Preset:
    """Raises UsageError naming the preset and the value that isn't allowed."""
    rows = current().arguments
    for section in ("training", "sdxl"):
        for argument, given in table.get(section, {}).items():
            if argument not in rows:
                argument_named(argument)  # says what is near
                raise UsageError(f"preset {name}: {argument} can't be part of a preset")
            try:
                values = parse_values(rows[argument], given)
            except UsageError as error:
                raise UsageError(f"preset {name}: {error}") from error
            if len(values) != 1:
                raise UsageError(f"preset {name}: {argument} holds {len(values)} values; a preset holds one")
    source = str(table.get("source", ""))
    return Preset(
        name,
        str(table.get("help", "")),
        str(table.get("zh", "")),
        SOURCES.get(source, source),
        {n: _one(n, v) for n, v in table.get("training", {}).items()},
        {n: _one(n, v) for n, v in table.get("sdxl", {}).items()},
        is_own,
    )


def _one(argument: str, given: Any) -> Any:
    return parse_values(current().arguments[argument], given)[0]
