"""The demo as a job of the queue: pictures, captions, and a grid of four runs that it queues with their previews."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.commands.demo import CAPTIONS, DATASET, GRID, PREVIEW, base
from train_tools.dataset.intake import add
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress
from train_tools.dataset.settings import DatasetSettings
from train_tools.execution import events
from train_tools.execution.automatic import BATCH
from train_tools.execution.lane import wake
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job, add_training
from train_tools.execution.ticket import PREVIEW as PREVIEW_JOB
from train_tools.execution.ticket import Ticket
from train_tools.planning.catalogue import SECTION, check_training
from train_tools.planning.plan import make_plan
from train_tools.preview.settings import PreviewSettings
from train_tools.small_models import zorb
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

CAPTIONER = "captioner=blip"  # whatever new versions are set to
STEPS = 4


def begin(folder: Path, version: Version, _ticket: Ticket) -> str:
    """What is there already is kept: a demo that was cut off goes on, and one that is done makes its pictures anew."""

    def tell(step: int, text: str) -> None:
        events.say(folder, "progress", done=step, total=STEPS, text=text)

    tell(0, "pictures")
    with tempfile.TemporaryDirectory() as made:
        add(version, zorb.write_images(Path(made)), _silent)
    tell(1, "processing")
    process(version, settings.change(version, "dataset", DatasetSettings, pairs(DATASET)), _silent)
    tell(2, "captions")
    chosen = settings.change(version, "captioning", CaptioningSettings, pairs((*CAPTIONS, CAPTIONER)))
    failed = caption(version, chosen, _silent).failed
    if failed:
        return f"{len(failed)} images failed; {failed[0].name}: {failed[0].reason}"
    tell(3, "training")
    _queue(version)
    tell(STEPS, "queued")
    return ""


def _queue(version: Version) -> None:
    grid = pairs((base(), *GRID))
    check_training(grid)
    settings.update(version, SECTION, grid)
    settings.change(version, "preview", PreviewSettings, {**pairs(PREVIEW), "automatic": BATCH})
    queue, plan = Queue(version.root), make_plan(version, {})
    if plan.runs_to_train:
        add_training(queue, version, plan, Conditions())
    else:
        add_job(queue, version, PREVIEW_JOB, {}, Conditions())
    wake(queue)


def pairs(assignments: Sequence[str]) -> dict[str, str]:
    return dict(assignment.split("=", 1) for assignment in assignments)


def _silent(_progress: Progress) -> None:
    """A few pictures are done in a moment."""
