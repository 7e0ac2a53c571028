"""`python -m train_tools.commands.job FOLDER`: does a queued job that is no training; the worker starts it."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.commands import data_jobs, demo_job, model_job
from train_tools.commands.preview import document_of
from train_tools.compare.board import read_board
from train_tools.compare.scores.service import score
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.compare.thumbnails import make_all
from train_tools.dataset.progress import Progress
from train_tools.engines.lifeline import end_with_supervisor
from train_tools.errors import TrainToolsError
from train_tools.execution import events
from train_tools.execution.ticket import (
    CAPTION,
    DEMO,
    DOWNLOAD,
    INTAKE,
    PREVIEW,
    PROCESS,
    REGULARISE,
    RESTORE,
    SCORE,
    Ticket,
    read_ticket,
)
from train_tools.hosts.bridge_client import renderer_of
from train_tools.preview.service import preview
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace.files import write_json
from train_tools.workspace.lock import BusyError
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.settings import preview_change
from train_tools.workspace.workspace import Version

BUSY_S = 2.0  # between looks at a version that another process writes into

Work = Callable[[Path, Version, Ticket], str]  # what failed, in a sentence; empty where nothing did


def main(arguments: list[str]) -> int:
    """0 done, 1 something failed, 2 refused; events.jsonl says what."""
    folder = Path(arguments[0])
    ticket = read_ticket(folder)
    if ticket is None or ticket.kind not in WORK:
        print(f"{folder} holds no queued job", file=sys.stderr)
        return 2
    version_folder = folder.parents[1]
    version = Version(version_folder.parents[1].name, version_folder.name, version_folder)
    try:
        failed = when_free(folder, version, ticket)
    except KeyboardInterrupt:  # cancelled: what was being built is cleared away on the way here
        return 130
    except TrainToolsError as error:
        events.say(folder, "failed", error=str(error))
        return error.exit_code
    except Exception as error:
        # The log keeps the traceback; the event says it in one line.
        traceback.print_exc()
        sentence = sentence_of(error, version_folder) or f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # the worker says how it ended
            events.say(folder, "failed", error=sentence)
        return 1
    if failed:
        events.say(folder, "failed", error=failed)
        return 1
    events.say(folder, "finished")
    return 0


def when_free(folder: Path, version: Version, ticket: Ticket) -> str:
    """Does the job, as soon as nobody else writes into the version."""
    told = ""
    while True:
        try:
            return WORK[ticket.kind](folder, version, ticket)
        except BusyError as error:
            if str(error) != told:
                told = str(error)
                tell(folder, 0, 0, told)
            time.sleep(BUSY_S)


def captions(folder: Path, version: Version, ticket: Ticket) -> str:
    def report(progress: Progress) -> None:
        tell(folder, progress.done, progress.total, f"{progress.name}: {progress.text}")

    settings = preview_change(version, "captioning", CaptioningSettings, ticket.settings)
    failed = caption(version, settings, report, folder / "captioned.txt").failed
    return f"{len(failed)} images failed; {failed[0].name}: {failed[0].reason}" if failed else ""


def previews(folder: Path, version: Version, ticket: Ticket) -> str:
    settings = preview_change(version, "preview", PreviewSettings, ticket.settings)
    root = version.root
    result = preview(
        version,
        settings,
        lambda p: tell(folder, p.done, p.total, p.note or p.error or p.text),
        bridge=renderer_of(root),
        connect=lambda: renderer_of(root),
    )
    write_json(folder / data_jobs.RESULT, document_of(result))
    for note in result.notes:
        events.say(folder, "warning", text=note)
    # So that the board opens with pictures in their places.
    make_all(version, read_board(version).cells)
    if result.sheet:
        events.say(folder, "checkpoint", file=str(result.sheet))
    return f"{len(result.failed)} errors; {result.failed[0]}" if result.failed else ""


def scores(folder: Path, version: Version, ticket: Ticket) -> str:
    settings = preview_change(version, "score", ScoreSettings, ticket.settings)
    result = score(version, settings, lambda done, of, text: tell(folder, done, of, text))
    return f"{len(result.faults)} pictures failed; {result.faults[0]}" if result.faults else ""


def tell(folder: Path, done: int, total: int, text: str) -> None:
    events.say(folder, "progress", done=done, total=total, text=text)


WORK: Mapping[str, Work] = {
    CAPTION: captions,
    PREVIEW: previews,
    SCORE: scores,
    INTAKE: data_jobs.take_in,
    PROCESS: data_jobs.make_images,
    RESTORE: data_jobs.restore_revision,
    REGULARISE: data_jobs.regularise,
    DEMO: demo_job.begin,
    DOWNLOAD: model_job.fetch,
}


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    end_with_supervisor()
    sys.exit(main(sys.argv[1:]))
