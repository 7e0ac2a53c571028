"""What may be changed of a queue entry that waits."""

from __future__ import annotations

import dataclasses
from typing import Any

from train_tools.captioning.settings import CaptioningSettings
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.errors import UsageError
from train_tools.execution.queue import Entry
from train_tools.execution.queue_edit import PLACED
from train_tools.execution.ticket import CAPTION, PREVIEW, SCORE, TRAIN
from train_tools.planning.catalogue import training_entries
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import catalogue, settings
from train_tools.workspace.workspace import Version

JOBS = {
    CAPTION: ("captioning", CaptioningSettings),
    PREVIEW: ("preview", PreviewSettings),
    SCORE: ("score", ScoreSettings),
}


def changeable(entry: Entry) -> list[tuple[catalogue.Entry, str]]:
    """Each setting with its present value as text; of a training one value each, as it stays one run."""
    if entry.ticket.kind == TRAIN:
        given = entry.ticket.arguments
        return [
            (
                dataclasses.replace(known, is_axis=False, separator=""),
                catalogue.as_text(given[known.name], " "),
            )
            for known in training_entries()
            if known.name in given and known.name not in PLACED
        ]
    if entry.ticket.kind not in JOBS:
        return []
    section, kind = JOBS[entry.ticket.kind]
    now: Any = settings.preview_change(_version(entry), section, kind, entry.ticket.settings)
    return [
        (known, catalogue.as_text(getattr(now, known.name), known.separator))
        for known in catalogue.entries_of(section, kind)
    ]


def check_job(entry: Entry, changes: dict[str, str]) -> None:
    """Raises UsageError where a changed setting of a job isn't allowed: it must not wait for its turn to be told."""
    if entry.ticket.kind in JOBS:
        section, kind = JOBS[entry.ticket.kind]
        settings.preview_change(_version(entry), section, kind, {**entry.ticket.settings, **changes})
    elif entry.ticket.kind != TRAIN:
        raise UsageError(f"nothing can be changed of entry {entry.id}; cancel it and begin it anew")


def _version(entry: Entry) -> Version:
    return Version(entry.project, entry.version, entry.folder.parents[1])
