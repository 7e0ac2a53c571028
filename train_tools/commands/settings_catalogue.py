"""All sections of version.toml with what states their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import as_typed
from train_tools.captioning.settings import CaptioningSettings
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError
from train_tools.execution.ticket import CAPTION, PREVIEW, SCORE
from train_tools.planning.catalogue import SECTION as TRAINING
from train_tools.planning.catalogue import check_training, training_entries
from train_tools.preview.settings import PreviewSettings
from train_tools.publish.settings import PublishSettings
from train_tools.workspace.catalogue import Entry, entries_of
from train_tools.workspace.settings import build, unknown_name
from train_tools.workspace.settings_file import SECTIONS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STATED: Mapping[str, type[DataclassInstance]] = {
    "dataset": DatasetSettings,
    "captioning": CaptioningSettings,
    "preview": PreviewSettings,
    "score": ScoreSettings,
    "publish": PublishSettings,
}
# What a job of the queue is told by.
SECTION_OF_JOB: Mapping[str, str] = {CAPTION: "captioning", PREVIEW: "preview", SCORE: "score"}
TITLES = {
    "dataset": ("Preprocessing", "处理"),
    "captioning": ("Captions", "打标"),
    "training": ("Training", "训练"),
    "preview": ("Previews", "预览"),
    "score": ("Scores", "评分"),
    "publish": ("Publishing", "发布"),
}


def all_entries() -> dict[str, list[Entry]]:
    """By section, in the order of the work."""
    return {
        section: training_entries() if section == TRAINING else entries_of(section, STATED[section])
        for section in SECTIONS
    }


def find(name: str) -> tuple[str, str]:
    """(section, setting) of `section.setting`, or of a setting's name that only one section has.

    Raises UsageError where there is none, or several.
    """
    entries = all_entries()
    section, dot, setting = name.rpartition(".")
    if dot:
        if section not in entries:
            raise UsageError(f"there is no section {section!r}; there are: {', '.join(entries)}")
        known = [entry.name for entry in entries[section]]
        if setting not in known:
            raise UsageError(f"[{section}]: {unknown_name(setting, known)}")
        return section, setting
    found = [section for section, rows in entries.items() if any(row.name == name for row in rows)]
    if not found:
        raise UsageError(unknown_name(name, sorted({row.name for rows in entries.values() for row in rows})))
    if len(found) > 1:
        choices = " or ".join(f"{section}.{name}" for section in found)
        raise UsageError(f"{name} is in several sections; write {choices}")
    return found[0], name


def checked(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` in their types; raises UsageError for one that isn't allowed."""
    if section == TRAINING:
        check_training(values)
        return {n: as_typed(argument_named(n), v) if isinstance(v, str) else v for n, v in values.items()}
    built = build(STATED[section], values)
    return {name: getattr(built, name) for name in values}
