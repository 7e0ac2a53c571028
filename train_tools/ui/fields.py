"""A setting as the page's field widget takes it."""

from __future__ import annotations

from typing import Any

from train_tools.workspace.catalogue import Entry


def field_of(entry: Entry, language: str) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "choices": entry.choices,
        "default": entry.default,
        "help": entry.help_in(language),
        "allowed": entry.takes_in(language),
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "is_axis": entry.is_axis,
        "several": bool(entry.separator),
    }
