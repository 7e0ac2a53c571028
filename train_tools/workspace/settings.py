"""Settings of a version: one TOML file with a section for each part; each part states its own with `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from train_tools.workspace.fields import (
    WORDS,
    allowed,
    build,
    convert,
    convert_one,
    parse_assignments,
    range_text,
    refusal,
    setting,
    unknown_name,
    validate,
)
from train_tools.workspace.lock import writing
from train_tools.workspace.settings_file import SECTIONS, load, save
from train_tools.workspace.workspace import Version

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

# What states settings imports these from here.
__all__ = [
    "WORDS",
    "allowed", "build", "change", "convert", "convert_one", "copy_settings", "parse_assignments", "preview_change",
    "range_text", "read", "refusal", "setting", "unknown_name", "update", "update_sections", "validate",
]  # fmt: skip


def read(version: Version) -> dict[str, dict[str, Any]]:
    """The sections of version.toml as they stand there, unchecked; `{}` for one that is absent."""
    data = load(version).data
    return {section: data.get(section, {}) for section in SECTIONS}


def update(version: Version, section: str, changes: Mapping[str, Any]) -> None:
    """Writes `changes` into one section; None takes a setting back to its default. The rest is kept.

    Comments in the file aren't. Raises UsageError where another process is writing into the version.
    """
    update_sections(version, {section: changes})


def update_sections(version: Version, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """The same for several sections in one write."""
    with writing(version, "changing settings"):
        data = load(version).data
        for section, values in changes.items():
            merged = {**data.get(section, {}), **values}
            data[section] = {name: value for name, value in merged.items() if value is not None}
        save(version, data)


def copy_settings(source: Version, target: Version) -> None:
    """All of `source`'s settings, with what nobody knows, over those of `target`."""
    data = load(source).data
    if data:
        save(target, data)


def change(version: Version, section: str, cls: type[Settings], assignments: Mapping[str, str]) -> Settings:
    """The version's settings with `assignments` (from `--set`) over them, checked first, then saved."""
    result = preview_change(version, section, cls, assignments)
    if assignments:
        update(version, section, {name: getattr(result, name) for name in assignments})
    return result


def preview_change(
    version: Version, section: str, cls: type[Settings], assignments: Mapping[str, str]
) -> Settings:
    """Like `change`, but only tried, not saved."""
    known = {f.name for f in fields(cls)}
    # What a newer program or a person's typing error left in the file is no reason to refuse to work.
    saved = {name: value for name, value in read(version)[section].items() if name in known}
    return build(cls, {**saved, **assignments})
