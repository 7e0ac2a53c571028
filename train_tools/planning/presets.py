"""Starting values by name: those that ship (presets.toml here and in the families' folders) and a person's own.

A preset holds only what it is about. `style+vram-8gb` puts the second over the first; what a
person sets wins over presets. Own ones lie in <root>/train_tools/presets/<name>.toml, one small file each, and win over
shipped ones. One that is for some families, for models of a name or for what they predict is suggested where the base
model is such.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import train_tools.families
from train_tools.arguments.current import argument_named, current
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.families.interface import Found, Prediction
from train_tools.families.registry import BY_NAME, FAMILIES
from train_tools.workspace import toml
from train_tools.workspace.files import move_to_trash, write_text
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import unknown_name
from train_tools.workspace.workspace import Version

NAME = "presets.toml"
SHIPPED = Path(__file__).with_name(NAME)
OF_FAMILIES = Path(train_tools.families.__file__).parent
SOURCES = {
    "GUIDE": "https://rentry.org/59xed3",
    "MEMORY": "sd-scripts' documentation on memory",
}
# How well a preset fits a base model: made for such, for its family, for any, for models of another name or for
# another family.
Fit = Literal["suggested", "family", "any", "other name", "other family"]
FITS: tuple[Fit, ...] = ("suggested", "family", "any", "other name", "other family")
VELOCITY = re.compile(r"v[-_ .]?pred")


@dataclass(frozen=True)
class Preset:
    """`training` holds settings as version.toml does; `others` what is different on a family of base models.

    `families`, `words` (in a file's name, of lower case) and `prediction` say which base models it is made for; empty:
    any. `date` is its source's, or when that was read. `unknown` are settings that the installed sd-scripts doesn't
    have, with the reason.
    """

    name: str
    help: str
    zh: str
    source: str
    training: Mapping[str, Any]
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_own: bool = False
    families: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    prediction: Prediction = ""
    date: str = ""
    unknown: Mapping[str, str] = field(default_factory=dict)

    def settings_for(self, family: str) -> dict[str, Any]:
        return {**self.training, **self.others.get(family, {})}

    def fit(self, base: Found, file: str) -> Fit:
        """To the base model in that file or folder."""
        if self.families and base.name not in self.families:
            return "other family"
        name = file.lower()
        predicted = base.prediction or ("v" if VELOCITY.search(name) else "")
        if self.prediction and (predicted or "epsilon") != self.prediction:
            return "other name"
        if self.words:
            return "suggested" if any(word in name for word in self.words) else "other name"
        return "family" if self.families else "any"

    @property
    def titles(self) -> str:
        """Of its families, for a person."""
        return ", ".join(BY_NAME[name].title for name in self.families)


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
    """Those for any base model, then each family's."""
    return {name: _read(name, table) for file in _files() for name, table in toml.load(file).items()}


def _files() -> Iterator[Path]:
    yield SHIPPED
    yield from (file for family in FAMILIES if (file := OF_FAMILIES / family.name / NAME).is_file())


def by_fit(presets: Mapping[str, Preset], base: Found, file: str) -> list[tuple[Fit, Preset]]:
    """Those that fit the base model best come first."""
    name = Path(file).name
    found = [(preset.fit(base, name), preset) for preset in presets.values()]
    return sorted(found, key=lambda pair: FITS.index(pair[0]))


def named(text: str) -> list[str]:
    """The presets in `style+vram-8gb`."""
    return [part.strip() for part in text.split("+")]


def combined(text: str, presets: Mapping[str, Preset], family: str) -> dict[str, Any]:
    """The values of `style+vram-8gb`; raises UsageError for a name that isn't there."""
    values: dict[str, Any] = {}
    for name in named(text):
        if name not in presets:
            raise UsageError(unknown_name(name, list(presets)).replace("setting", "preset", 1))
        for why in presets[name].unknown.values():
            raise UsageError(f"preset {name}: {why}")
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
    for why in preset.unknown.values():
        raise UsageError(why)
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
    """Raises UsageError naming the preset and the value that isn't allowed.

    What one's own sets that isn't known is told when it is used: another version of sd-scripts may know it.
    """
    unknown: dict[str, str] = {}
    sections = {
        section: {
            argument: _one(name, argument, given)
            for argument, given in table.get(section, {}).items()
            if not is_own or _is_known(argument, unknown)
        }
        for section in ("training", *(name for name in BY_NAME if name in table))
    }
    source = str(table.get("source", ""))
    return Preset(
        name,
        str(table.get("help", "")),
        str(table.get("zh", "")),
        SOURCES.get(source, source),
        sections.pop("training"),
        sections,
        is_own,
        families=tuple(table.get("families", ())),
        words=tuple(table.get("for", ())),
        prediction=table.get("prediction", ""),
        date=str(table.get("date", "")),
        unknown=unknown,
    )


def _is_known(argument: str, unknown: dict[str, str]) -> bool:
    if argument in current().known:
        return True
    try:
        argument_named(argument)
    except UsageError as error:
        unknown[argument] = str(error)
    return False


def _one(name: str, argument: str, given: Any) -> Any:
    row = current().arguments.get(argument)
    if row is None:
        argument_named(argument)  # says what is near
        raise UsageError(f"preset {name}: {argument} can't be part of a preset")
    try:
        values = parse_values(row, given)
    except UsageError as error:
        raise UsageError(f"preset {name}: {error}") from error
    if len(values) != 1:
        raise UsageError(f"preset {name}: {argument} holds {len(values)} values; a preset holds one")
    return values[0]
