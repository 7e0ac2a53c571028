"""A setting as the page's field widget takes it."""

from __future__ import annotations

from typing import Any

from train_tools.arguments.current import current
from train_tools.arguments.values import signs_of
from train_tools.arguments.wording import label_of
from train_tools.planning.catalogue import SECTION as TRAINING
from train_tools.ui.texts import texts
from train_tools.workspace.catalogue import Entry

# Where the labels of a section's settings stand among the page's words.
LABELS = {
    "dataset": "data.label_",
    "captioning": "captions.setting_",
    "preview": "compare.preview_",
    "score": "compare.score_",
    "publish": "compare.publish_",
    "program": "tools.program_",
}


def field_of(entry: Entry, language: str) -> dict[str, Any]:
    return {
        "name": entry.name,
        "label": label_for(entry, language),
        "kind": entry.kind,
        "choices": entry.choices,
        **options_of(entry, language),
        "default": entry.default,
        "help": entry.help_in(language),
        "allowed": entry.takes_in(language),
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "is_axis": entry.is_axis,
        "several": bool(entry.separator),
        "signs": signs_in(entry),
    }


def signs_in(entry: Entry) -> str:
    """As arguments.values.signs_of."""
    if entry.section == TRAINING:
        return signs_of(current().known[entry.name])
    if entry.kind != "str" or (entry.choices and not entry.separator):
        return "all"
    return "commas" if entry.separator in (",", ";") else ""


def options_of(entry: Entry, language: str) -> dict[str, Any]:
    """Choices with their words, where the page's words have them all and one is chosen."""
    if not entry.choices or entry.is_axis or entry.separator:
        return {}
    panel = LABELS.get(entry.section, "").partition(".")[0]
    said = [texts().get(f"{panel}.choice_{choice.replace(' ', '_')}") for choice in entry.choices]
    if not all(said):
        return {}
    words = [pair[language == "zh"] for pair in said if pair]
    return {"options": list(zip(entry.choices, words, strict=True))}


def label_for(entry: Entry, language: str) -> str:
    """What a person reads above the field; the name where nobody has given it a label."""
    if entry.section == TRAINING:
        return label_of(entry.name, language)
    said = texts().get(f"{LABELS.get(entry.section, '')}{entry.name}")
    return said[language == "zh"] if said else entry.name
