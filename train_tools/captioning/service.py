"""Captions the processed images of a version."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from train_tools.captioning.interface import Captioner
from train_tools.captioning.registry import CAPTIONERS
from train_tools.captioning.settings import CONCEPT, CaptioningSettings
from train_tools.dataset.images import UnreadableImageError, open_image, to_rgb
from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.revision import CAPTIONS
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import free_name, time_stamp, write_text
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
    """`kept` captions were there and stay; replaced ones lie in `saved`, a folder of the history."""

    captioner: str
    written: tuple[Written, ...]
    kept: int
    failed: tuple[Failure, ...]
    saved: Path | None


@dataclass(frozen=True)
class Task:
    image: TrainingImage
    existing: str


def caption(version: Version, settings: CaptioningSettings, report: Report = silent) -> CaptionReport:
    """Raises UsageError where nothing is processed yet or the captioner can't be loaded."""
    images = training_images(version.processed)
    if not images:
        raise UsageError(
            f"{version.project} {version.name} has no processed images; "
            f"run `dataset process {version.project} {version.name}` first"
        )
    tasks, failed = open_tasks(images, settings)
    total, kept = len(tasks), len(images) - len(tasks) - len(failed)
    saved = None
    written: list[Written] = []
    if tasks:
        with CAPTIONERS[settings.captioner].make(settings) as captioner:
            saved = save_captions(version, tasks)
            for task, result in results(captioner, tasks, settings.batch_size):
                name = task.image.path.name
                if isinstance(result, Failure):
                    failed.append(result)
                    text = f"failed: {result.reason}"
                else:
                    text = compose(result, task, settings)
                    write(task.image.caption_file, text)
                    written.append(Written(name, text))
                report(Progress(len(written) + len(failed), total, name, text))
    return CaptionReport(settings.captioner, tuple(written), kept, tuple(failed), saved)


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
    """A text or a failure for each task, `size` images at once."""
    for start in range(0, len(tasks), size):
        readable: list[tuple[Task, Image.Image]] = []
        for task in tasks[start : start + size]:
            try:
                readable.append((task, to_rgb(open_image(task.image.path))))
            except UnreadableImageError as error:
                yield task, Failure(task.image.path.name, str(error))
        yield from batch_results(captioner, readable)


def batch_results(
    captioner: Captioner, batch: Sequence[tuple[Task, Image.Image]]
) -> Iterator[tuple[Task, str | Failure]]:
    """A batch that fails (one odd image, or too little memory) is tried again in halves."""
    if not batch:
        return
    try:
        texts = captioner.caption([image for _, image in batch])
    except Exception as error:  # a model can raise anything; one image must not cost the rest
        if len(batch) == 1:
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            yield batch[0][0], Failure(batch[0][0].image.path.name, f"the captioner failed ({reason})")
            return
        middle = len(batch) // 2
        yield from batch_results(captioner, batch[:middle])
        yield from batch_results(captioner, batch[middle:])
        return
    yield from ((task, text) for (task, _), text in zip(batch, texts, strict=True))


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


def write(path: Path, text: str) -> None:
    try:
        write_text(path, text + "\n")
    except OSError as error:
        raise TrainToolsError(
            f"{path} can't be written ({error.strerror}); make room on the disk, then caption again: "
            "the captions written so far are kept"
        ) from error
