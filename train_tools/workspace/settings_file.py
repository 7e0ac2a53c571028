"""version.toml: read in today's schema whatever it was written in, and written whole.

A file that an older program wrote is migrated when it is read; it changes on disk with the next write, and the
old one stays beside it as version.toml.<its schema>. Keys that nobody knows are kept as they are. Where there is
no version.toml, the settings are those of sd-webui-train-tools, if that made the version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from train_tools.errors import UsageError
from train_tools.workspace import predecessor, toml
from train_tools.workspace.files import write_bytes, write_text
from train_tools.workspace.workspace import Version

SECTIONS = ("dataset", "captioning", "training", "preview", "score", "publish")


@dataclass(frozen=True)
class Migration:
    """From the schema before to the next. `apply` changes the data in place and says what it changed."""

    apply: Callable[[dict[str, Any]], list[str]]


MIGRATIONS: tuple[Migration, ...] = ()  # the first leads from schema 1 to 2


@dataclass(frozen=True)
class Loaded:
    """`data` is in today's schema; `schema` is the file's own, 0 where there is no file.

    `notes` say what was migrated, or what was read from the predecessor's files and what wasn't.
    """

    data: dict[str, Any]
    schema: int
    notes: tuple[str, ...]


def current_schema() -> int:
    return 1 + len(MIGRATIONS)


def load(version: Version) -> Loaded:
    """Raises UsageError where the file is no TOML, from a newer program, or has no section where one must be."""
    if not version.settings_file.exists():
        found = predecessor.read(version.folder)
        return Loaded(dict(found.data), 0, found.notes)
    data = toml.load(version.settings_file)
    schema = schema_of(version, data)
    notes = [f"schema {n}: {note}" for n in range(schema, current_schema()) for note in migrate(data, n)]
    for section in SECTIONS:
        if not isinstance(data.get(section, {}), dict):
            raise UsageError(f"{version.settings_file}: {section} must be a section, [{section}]")
    return Loaded(data, schema, tuple(notes))


def schema_of(version: Version, data: dict[str, Any]) -> int:
    """A file that doesn't say was written by hand, and is read from the first schema on."""
    schema = data.get("schema", 1)
    if type(schema) is not int or schema < 1:
        raise UsageError(f"{version.settings_file}: schema is {schema!r}; it must be a whole number from 1")
    if schema > current_schema():
        raise UsageError(
            f"{version.settings_file} was written by a newer Train Tools (schema {schema}, this one knows "
            f"{current_schema()}); update Train Tools, or move the file away to start with defaults"
        )
    return schema


def migrate(data: dict[str, Any], schema: int) -> list[str]:
    notes = MIGRATIONS[schema - 1].apply(data)
    data["schema"] = schema + 1
    return notes


def save(version: Version, data: dict[str, Any]) -> None:
    """Writes today's schema; what an older program wrote is kept beside it."""
    loaded = load(version)
    if 0 < loaded.schema < current_schema():
        kept = version.settings_file.with_name(f"{version.settings_file.name}.{loaded.schema}")
        if not kept.exists():
            write_bytes(kept, version.settings_file.read_bytes())
    write_text(version.settings_file, toml.dumps({**data, "schema": current_schema()}))
