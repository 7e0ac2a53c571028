"""Makes a new revision of the processed set from the originals; the previous one goes to the history."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image, ImageOps

from train_tools.dataset import revision as revisions
from train_tools.dataset.images import UnreadableImageError, open_image, resize, to_rgb
from train_tools.dataset.known import Skipped
from train_tools.dataset.origin import cut
from train_tools.dataset.originals import UnreadableCaptionError, caption_files, images_in, read_caption
from train_tools.dataset.progress import Progress, Report, silent
from train_tools.dataset.revision import Revision, Source
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import files, swap
from train_tools.workspace.files import require_inside
from train_tools.workspace.names import comparable
from train_tools.workspace.workspace import Version

LONGEST_STEM = 120  # bytes of the original's name that the processed one keeps


@dataclass(frozen=True)
class Problem:
    name: str
    reason: str


@dataclass(frozen=True)
class ProcessReport:
    """`failed` originals are left out of the revision; `notes` are on images that are in it."""

    revision: int
    folder: Path
    originals: int
    images: int
    captions_kept: int
    failed: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    previous: Path | None


@dataclass(frozen=True)
class Plan:
    """What stays the same for every image of a new revision."""

    building: Path
    concept_folder: str
    settings: DatasetSettings
    edited: dict[tuple[str, bool], str]
    caption_files: dict[str, Path]  # by comparable stem, as intake matches them


def process(version: Version, settings: DatasetSettings, report: Report = silent) -> ProcessReport:
    """Builds the new revision aside and puts it in place at the end.

    Raises UsageError where there are no originals, TrainToolsError where none can be read or the disk
    refuses; the current revision is untouched then.
    """
    originals = images_in(version.origin)
    if not originals:
        raise UsageError(
            f"{version.project} {version.name} has no images yet; "
            f"add some with `dataset add {version.project} {version.name} PATH`"
        )
    before = revisions.read(version.processed)
    building = None
    try:
        building = swap.begin(version.processed)
        plan = Plan(
            building,
            f"{settings.repeats}_{settings.concept_of(version)}",
            settings,
            revisions.edited_captions(version.processed, before),
            {comparable(stem): path for stem, path in caption_files(version.origin).items()},
        )
        sources, failed, notes = build(version, plan, originals, report)
        made = Revision(
            next_number(version),
            datetime.now().isoformat("T", "seconds"),
            asdict(settings),
            sources,
            tuple(Skipped(problem.name, problem.reason) for problem in failed),
        )
        revisions.write(building, made)
        archive = archive_name(version, before)
        archived = swap.swap(building, version.processed, archive)
    except OSError as error:
        raise TrainToolsError(
            f"the new revision can't be written ({error.strerror or error}); make room on the disk or free "
            "its files, then process again: the images processed before are untouched"
        ) from error
    finally:
        if building is not None and building.exists():
            shutil.rmtree(building, ignore_errors=True)
    kept = sum((source.original, source.flipped) in plan.edited for source in sources)
    return ProcessReport(
        revision=made.number,
        folder=version.processed / plan.concept_folder,
        originals=len(originals),
        images=len(sources),
        captions_kept=kept,
        failed=failed,
        notes=notes,
        previous=archive if archived else None,
    )


def next_number(version: Version) -> int:
    """One more than any revision that is there."""
    folders = [version.processed, *(version.history.iterdir() if version.history.is_dir() else ())]
    found = [revision.number for folder in folders if (revision := revisions.read(folder))]
    return max(found, default=0) + 1


def archive_name(version: Version, before: Revision | None) -> Path:
    number = f"-r{before.number}" if before else ""  # made by another program
    return files.free_name(version.history, files.time_stamp() + number)


def build(
    version: Version, plan: Plan, originals: list[Path], report: Report
) -> tuple[tuple[Source, ...], tuple[Problem, ...], tuple[Problem, ...]]:
    """Writes all images; returns what was made, the originals that failed and notes on the others."""
    sources: list[Source] = []
    failed: list[Problem] = []
    notes: list[Problem] = []
    used = 0
    for done, original in enumerate(originals, start=1):
        try:
            require_inside(original, version.origin)
            image = to_rgb(open_image(original), plan.settings.background())
        except (UnreadableImageError, UsageError) as error:
            failed.append(Problem(original.name, str(error)))
            report(Progress(done, len(originals), original.name, f"failed: {error}"))
            continue
        used += 1
        caption, complaint = caption_of(plan.caption_files.get(comparable(original.stem)))
        remarks = [text for text in (complaint, remark_on_size(image, plan.settings)) if text]
        notes += [Problem(original.name, text) for text in remarks]
        sources += write_original(plan, original, used, image, caption)
        report(Progress(done, len(originals), original.name, "; ".join(["processed", *remarks])))
    if not sources:
        raise TrainToolsError(
            f"none of the {len(originals)} originals can be read ({failed[0].name}: {failed[0].reason}); "
            "add whole images, then process again"
        )
    return tuple(sources), tuple(failed), tuple(notes)


def write_original(
    plan: Plan, original: Path, number: int, image: Image.Image, caption: str | None
) -> list[Source]:
    """The image, its mirrored copy where asked for, and their captions."""
    made = []
    for copy, pixels in enumerate(variants(image, plan.settings)):
        flipped = copy == 1
        name = f"{number:05d}-{copy}-{cut(original.stem, LONGEST_STEM)}.png"
        path = plan.building / plan.concept_folder / name
        files.write_bytes(path, png(pixels))
        text = plan.edited.get((original.name, flipped), caption)
        if text is not None:
            files.write_text(path.with_suffix(".txt"), text + "\n")
        made.append(Source(f"{plan.concept_folder}/{name}", original.name, flipped, caption))
    return made


def variants(image: Image.Image, settings: DatasetSettings) -> Iterator[Image.Image]:
    resized = resize(image, settings.width, settings.height, settings.keep_aspect)
    yield resized
    if settings.flip:
        yield ImageOps.mirror(resized)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def caption_of(path: Path | None) -> tuple[str | None, str]:
    """An original's caption, and a complaint where there is one that can't be read."""
    if path is None:
        return None, ""
    try:
        return read_caption(path), ""
    except UnreadableCaptionError as error:
        return None, f"its caption is left out: {error}"


def remark_on_size(image: Image.Image, settings: DatasetSettings) -> str:
    width, height = image.size
    if settings.keep_aspect and width * height < settings.width * settings.height:
        return f"only {width}x{height} pixels, smaller than {settings.width}x{settings.height}"
    if not settings.keep_aspect and (width < settings.width or height < settings.height):
        return f"enlarged from {width}x{height} pixels"
    return ""
