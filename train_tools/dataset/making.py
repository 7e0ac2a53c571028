"""Makes the pictures of one original in a new revision, or takes over those that are the same."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from train_tools.dataset.by_hand import FOLDER, NOTHING, Touch
from train_tools.dataset.images import (
    UnreadableImageError,
    decode,
    pixel_count,
    read_data,
    read_mask,
    split_alpha,
)
from train_tools.dataset.looks import Look, digest, look_at
from train_tools.dataset.operations.alpha import with_given_mask
from train_tools.dataset.origin import cut
from train_tools.dataset.originals import Original, UnreadableCaptionError, read_caption
from train_tools.dataset.parallel import DECODING
from train_tools.dataset.pictures import cuts_of, pictures_of
from train_tools.dataset.revision import Edited, Place, Source
from train_tools.dataset.settings import APPEND, IGNORE, PREPEND, DatasetSettings
from train_tools.errors import UsageError
from train_tools.workspace import files
from train_tools.workspace.files import require_inside

RECIPE = 1  # raise it when an operation begins to make other pixels of the same settings
LONGEST_STEM = 120  # bytes of the original's name that the processed one keeps


@dataclass(frozen=True)
class Plan:
    """What stays the same for every image of a new revision. `reusable` are sources of `previous` by key."""

    settings: DatasetSettings
    origin: Path
    previous: Path
    reusable: Mapping[str, Sequence[Source]]
    edited: Mapping[Place, Edited]
    by_hand: Mapping[str, Touch] = field(
        default_factory=dict
    )  # content of an original -> what a person did to it


@dataclass(frozen=True)
class Job:
    """One original: where its pictures go, its number in their names, its caption file and its mask."""

    original: Original
    folder: Path
    number: int
    caption_file: Path | None
    needs_look: bool
    mask_file: Path | None = None


@dataclass(frozen=True)
class Made:
    """`sources` name files of the job's folder; `failure` or `skipped` say why there are none."""

    sources: tuple[Source, ...] = ()
    look: Look | None = None
    notes: tuple[str, ...] = ()
    failure: str = ""
    skipped: str = ""
    is_reused: bool = False


def make(plan: Plan, job: Job) -> Made:
    """Raises OSError where the pictures can't be written."""
    try:
        require_inside(job.original.path, plan.origin)
        data = read_data(job.original.path)
        content = digest(data)
        touch = plan.by_hand.get(content, NOTHING)
        mask_file = mask_of(plan, job, touch)
        mask_data = read_data(mask_file) if mask_file else b""
        key = key_of(content, plan.settings, digest(mask_data) if mask_file else "", touch.key)
        taken = take_over(plan, job, key)
        sources, skipped, look = taken, "", None
        if taken is None or job.needs_look:
            with DECODING.holding(pixel_count(data)):
                image = decode(data)
                look = look_at(data, image)
                if taken is None:
                    mask = read_mask(mask_data) if mask_file else None
                    sources, skipped = draw(plan, job, image, mask, content, key, touch)
    except (UnreadableImageError, UsageError) as error:
        return Made(failure=str(error))
    caption, complaint = caption_of(job.caption_file, plan.settings)
    made = tuple(replace(s, original=job.original.name, caption=caption) for s in sources or ())
    for source in made:
        write_caption(plan, job, source)
    notes = tuple(note for note in (complaint, made[0].note if made else "") if note)
    return Made(made, look, notes, skipped=skipped, is_reused=taken is not None)


def mask_of(plan: Plan, job: Job, touch: Touch) -> Path | None:
    """What was painted wins over what lies beside the image."""
    if not plan.settings.alpha_mask:
        return None
    return plan.origin.parent / FOLDER / touch.mask if touch.mask else job.mask_file


def key_of(content: str, settings: DatasetSettings, mask: str = "", by_hand: str = "") -> str:
    """Equal where the same original and mask (their sha256) give the same pixels."""
    text = json.dumps([RECIPE, content, settings.of_pixels(), *filter(None, [mask, by_hand])], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def take_over(plan: Plan, job: Job, key: str) -> tuple[Source, ...] | None:
    """Links the previous revision's pictures; None where it hasn't got them as they were written."""
    taken = []
    for copy, source in enumerate(plan.reusable.get(key, ())):
        earlier = plan.previous / source.file
        if not earlier.is_file() or digest(earlier.read_bytes()) != source.sha256:
            return None
        name = file_name(job, copy)
        link_or_copy(earlier, job.folder / name)
        taken.append(replace(source, file=name))
    return tuple(taken) or None


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for the same bytes, where the file system has that; replaces `target`."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        files.write_bytes(target, source.read_bytes())


def draw(
    plan: Plan,
    job: Job,
    image: Image.Image,
    mask: Image.Image | None,
    content: str,
    key: str,
    touch: Touch = NOTHING,
) -> tuple[tuple[Source, ...], str]:
    """Writes the pictures; without any, the reason."""
    rgb, alpha = split_alpha(image, plan.settings.background())
    alpha = with_given_mask(alpha, mask, rgb.size)
    rgb, alpha = touch.cut(rgb), alpha and touch.cut(alpha)
    cuts = cuts_of(rgb, plan.settings)
    sources = []
    for copy, picture in enumerate(pictures_of(rgb, alpha, cuts, plan.settings)):
        data = png(picture.image)
        name = file_name(job, copy)
        files.write_bytes(job.folder / name, data)
        sources.append(
            Source(
                file=name,
                original=job.original.name,
                flipped=picture.flipped,
                caption=None,
                piece=picture.piece,
                operation=picture.operation,
                box=touch.within(picture.box),
                original_sha256=content,
                key=key,
                sha256=digest(data),
                note=cuts.note,
                by_hand=touch.key,
            )
        )
    return tuple(sources), "" if sources else cuts.note


def file_name(job: Job, copy: int) -> str:
    return f"{job.number:05d}-{copy}-{cut(job.original.path.stem, LONGEST_STEM)}.png"


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def caption_of(path: Path | None, settings: DatasetSettings) -> tuple[str | None, str]:
    """An original's caption, and a complaint where there is one that can't be read."""
    if path is None or settings.existing_caption == IGNORE:
        return None, ""
    try:
        return read_caption(path), ""
    except UnreadableCaptionError as error:
        return None, f"its caption is left out: {error}"


def write_caption(plan: Plan, job: Job, source: Source) -> None:
    edited = plan.edited.get(source.place)
    text = edited.text if edited else source.caption
    if edited and source.caption:
        text = joined_caption(source.caption, edited.text, plan.settings.existing_caption)
    if text is not None:
        files.write_text((job.folder / source.file).with_suffix(".txt"), text + "\n")


def joined_caption(existing: str, newer: str, action: str) -> str:
    """The original's caption and the one written since; never the original's twice."""
    if action == PREPEND and newer != existing and not newer.startswith(f"{existing}, "):
        return f"{existing}, {newer}"
    if action == APPEND and newer != existing and not newer.endswith(f", {existing}"):
        return f"{newer}, {existing}"
    return newer
