"""Captions the processed images of a version."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from train_tools.captioning.combined import Combined
from train_tools.captioning.interface import CONCEPT, Captioner, CaptionerGoneError, Picture, Streaming
from train_tools.captioning.model_files import first_line
from train_tools.captioning.registry import CAPTIONERS
from train_tools.captioning.settings import CaptioningSettings
from train_tools.dataset.images import UnreadableImageError, open_image, to_rgb
from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.revision import CAPTIONS
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.errors import TrainToolsError, UsageError, is_out_of_memory
from train_tools.tags import journal
from train_tools.tags.files import read_text
from train_tools.tags.journal import Change
from train_tools.workspace.files import append_line, free_name, time_stamp, write_text
from train_tools.workspace.lock import writing
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class Failure:
    name: str
    reason: str


@dataclass(frozen=True)
class Written:
    """A caption as it is now in the file beside the image."""

    name: str
    caption: str


@dataclass(frozen=True)
class CaptionReport:
    """`kept` captions were there and stay; replaced ones lie in `saved`, a folder of the history.

    What was written can be undone as one change (`tags.service.undo`).
    """

    captioner: str
    written: tuple[Written, ...]
    kept: int
    failed: tuple[Failure, ...]
    saved: Path | None


@dataclass(frozen=True)
class Task:
    image: TrainingImage
    existing: str


Pair = tuple[Task, Picture]


def caption(
    version: Version, settings: CaptioningSettings, report: Report = silent, log: Path | None = None
) -> CaptionReport:
    """`log` is a file of the images that have been captioned: a job that was cut off goes on, and pays for none twice.

    Raises UsageError where nothing is processed yet, the captioner can't be loaded or another writes.
    """
    with writing(version, "captioning images"):
        return caption_held(version, settings, report, log)


def caption_held(
    version: Version, settings: CaptioningSettings, report: Report, log: Path | None = None
) -> CaptionReport:
    images = training_images(version.processed)
    if not images:
        raise UsageError(
            f"{version.project} {version.name} has no processed images; "
            f"run `dataset process {version.project} {version.name}` first"
        )
    if settings.only:
        images = [image for image in images if place_of(version, image) in settings.only]
        if not images:
            raise UsageError(
                "none of the images that were chosen to be captioned is there any more; choose again"
            )
    journal.settle_held(version)
    done = set(log.read_text(encoding="utf-8").splitlines()) if log and log.is_file() else set()
    tasks, failed = open_tasks([image for image in images if place_of(version, image) not in done], settings)
    total, kept = len(tasks), len(images) - len(tasks) - len(failed)
    saved = None
    written: list[Written] = []
    changes: list[Change] = []
    what = ",".join(settings.captioner)
    try:
        if tasks:
            with make_captioner(settings, version.root) as captioner:
                saved = save_captions(version, tasks)
                for task, result in results(captioner, tasks, settings.batch_size):
                    name = task.image.path.name
                    if isinstance(result, Failure):
                        failed.append(result)
                        text = f"failed: {result.reason}"
                    else:
                        text = compose(result, task, settings)
                        changes.append(write(version, task, text))
                        written.append(Written(name, text))
                        if log:
                            append_line(log, place_of(version, task.image))
                    report(Progress(len(written) + len(failed), total, name, text))
    finally:
        if changes:  # also of a captioning that was stopped
            journal.add_done(version, f"caption with {what}", changes)
    return CaptionReport(what, tuple(written), kept, tuple(failed), saved)


def one_caption(version: Version, image: TrainingImage, settings: CaptioningSettings) -> str:
    """What `caption` would write for one image, which isn't written. Raises TrainToolsError where it can't be made."""
    try:
        task = Task(image, image.caption() or "")
    except UnreadableCaptionError:
        task = Task(image, "")
    picture = Picture(to_rgb(open_image(image.path)), image.path.stem, image.concept)
    with make_captioner(settings, version.root) as captioner:
        return compose(captioner.caption([picture])[0], task, settings)


def place_of(version: Version, image: TrainingImage) -> str:
    """Its path in dataset/processed."""
    return image.path.relative_to(version.processed).as_posix()


def made(name: str, settings: CaptioningSettings, root: Path) -> Captioner:
    """`name` is one of CAPTIONERS."""
    module, _, function = CAPTIONERS[name].place.rpartition(".")
    captioner: Captioner = getattr(import_module(f"train_tools.captioning.{module}"), function)(
        settings, root
    )
    return captioner


def make_captioner(settings: CaptioningSettings, root: Path) -> Captioner:
    captioners = [made(name, settings, root) for name in settings.captioner]
    return captioners[0] if len(captioners) == 1 else Combined(captioners)


def open_tasks(images: list[TrainingImage], settings: CaptioningSettings) -> tuple[list[Task], list[Failure]]:
    """The images that need a caption, and those whose present caption can't be read."""
    tasks, failed = [], []
    for image in images:
        try:
            existing = image.caption() or ""
        except UnreadableCaptionError as error:
            failed.append(Failure(image.path.name, str(error)))
            continue
        if not existing or settings.existing != "keep":
            tasks.append(Task(image, existing))
    return tasks, failed


def save_captions(version: Version, tasks: Sequence[Task]) -> Path | None:
    """Copies the captions that will be replaced into the history."""
    replaced = [task.image.caption_file for task in tasks if task.existing]
    if not replaced:
        return None
    folder = free_name(version.history, f"{time_stamp()}{CAPTIONS}")
    for path in replaced:
        target = folder / path.relative_to(version.processed)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return folder


def results(captioner: Captioner, tasks: Sequence[Task], size: int) -> Iterator[tuple[Task, str | Failure]]:
    """A text or a failure for each task, `size` images at once; fewer from where memory ran out.

    Raises CaptionerGoneError where no further one can be captioned.
    """
    if isinstance(captioner, Streaming):
        yield from streamed(captioner, tasks)
        return
    done = 0
    while done < len(tasks):
        readable: list[Pair] = []
        for task in tasks[done : done + size]:
            try:
                pixels = to_rgb(open_image(task.image.path))
            except UnreadableImageError as error:
                yield task, Failure(task.image.path.name, str(error))
            else:
                readable.append((task, Picture(pixels, task.image.path.stem, task.image.concept)))
        done += size
        for batch, outcome in batch_outcomes(captioner, readable):
            if isinstance(outcome, MemoryError):
                size = max(1, min(size, len(batch) // 2))
                continue
            yield from outcome


def streamed(captioner: Streaming, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | Failure]]:
    """In the order in which the texts come."""
    sent: list[Task] = []
    unreadable: list[tuple[Task, Failure]] = []

    def pictures() -> Iterator[Picture]:
        for task in tasks:
            try:
                pixels = to_rgb(open_image(task.image.path))
            except UnreadableImageError as error:
                unreadable.append((task, Failure(task.image.path.name, str(error))))
            else:
                sent.append(task)
                yield Picture(pixels, task.image.path.stem, task.image.concept)

    for place, outcome in captioner.stream(pictures()):
        task = sent[place]
        yield (
            task,
            outcome if isinstance(outcome, str) else Failure(task.image.path.name, first_line(outcome)),
        )
    yield from unreadable


def batch_outcomes(
    captioner: Captioner, batch: Sequence[Pair]
) -> Iterator[tuple[Sequence[Pair], list[tuple[Task, str | Failure]] | MemoryError]]:
    """A batch that fails (one odd image, or too little memory) is tried again in halves.

    Of a batch that memory didn't suffice for, that is told before its halves.
    """
    if not batch:
        return
    outcome = attempt(captioner, batch)
    if not isinstance(outcome, Exception):
        yield batch, [(task, text) for (task, _), text in zip(batch, outcome, strict=True)]
    elif len(batch) == 1:
        reason = f"the captioner failed ({first_line(outcome)})"
        yield batch, [(batch[0][0], Failure(batch[0][0].image.path.name, reason))]
    else:
        if isinstance(outcome, MemoryError):
            yield batch, outcome
        middle = len(batch) // 2
        yield from batch_outcomes(captioner, batch[:middle])
        yield from batch_outcomes(captioner, batch[middle:])


def attempt(captioner: Captioner, batch: Sequence[Pair]) -> list[str] | Exception:
    """The texts, or what went wrong: MemoryError for every kind of too little memory.

    The error comes without its traceback, whose frames would hold the batch's memory.
    """
    try:
        return captioner.caption([picture for _, picture in batch])
    except CaptionerGoneError:
        raise
    except Exception as error:  # a model can raise anything; one image must not cost the rest
        text = first_line(error)
        if isinstance(error, MemoryError) or is_out_of_memory(str(error)):
            return MemoryError(text)
        return RuntimeError(text)


def compose(generated: str, task: Task, settings: CaptioningSettings) -> str:
    """Trigger word, then the new caption and the existing one in the order asked for, then the suffix."""
    parts = {
        "keep": (generated,),
        "ignore": (generated,),
        "prepend": (task.existing, generated),
        "append": (generated, task.existing),
    }[settings.existing]
    concept = task.image.concept
    prefix = settings.prefix.replace(CONCEPT, concept).strip()
    suffix = settings.suffix.replace(CONCEPT, concept).strip()
    texts = [without_prefix(text.strip(), prefix) for text in parts]
    return ", ".join(text for text in (prefix, *texts, suffix) if text)


def without_prefix(text: str, prefix: str) -> str:
    """An existing caption may have the trigger word already; it must not stand there twice."""
    first, comma, rest = text.partition(",")
    if text == prefix or (comma and first.strip() == prefix):
        return rest.strip()
    return text


def write(version: Version, task: Task, text: str) -> Change:
    path = task.image.caption_file
    change = Change(path.relative_to(version.processed).as_posix(), read_text(path), text + "\n")
    try:
        write_text(path, text + "\n")
    except OSError as error:
        raise TrainToolsError(
            f"captioning stopped, what was written so far is kept: {sentence_of(error, path)}"
        ) from error
    return change
