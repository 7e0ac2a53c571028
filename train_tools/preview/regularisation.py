"""Regularisation images from the base model alone: for each training image one of its caption, seed and size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image

from train_tools.dataset.buckets import Size
from train_tools.dataset.reg_folders import reg_folder
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import write_text
from train_tools.workspace.lock import writing
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import Version

from . import samplers
from .pictures import save
from .settings import PreviewSettings

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """What the images are rendered with: a base model, and a size in pixels for each training image."""

    base_model: Path
    clip_skip: int
    size_of: Callable[[TrainingImage], Size]


@dataclass(frozen=True)
class Wanted:
    """One picture: `path` is where it goes."""

    path: Path
    prompt: str
    size: Size


@dataclass(frozen=True)
class Generated:
    """`kept` were there already."""

    folders: tuple[Path, ...]
    rendered: int
    kept: int


def generate(
    version: Version, source: Source, settings: PreviewSettings, concept: str, report: Report
) -> Generated:
    """Renders what is missing below dataset/reg, each with its caption; `report(done, of)` may raise.

    Of settings that hold several values the first counts. `concept` "" means all. Raises UsageError where nothing is
    processed or `concept` isn't there.
    """
    with writing(version, "generating regularisation images"):
        images = training_images(version.processed)
        chosen = [image for image in images if concept in ("", image.concept)]
        if not chosen:
            there = ", ".join(sorted({image.concept for image in images}))
            raise UsageError(
                f"there is no concept {concept!r}; there are: {there}"
                if images
                else f"nothing is processed yet; run `dataset process {version.project} {version.name}` first"
            )
        folders = {image.concept: reg_folder(version, image.concept, None) for image in chosen}
        wanted = [_wanted(image, folders[image.concept], source) for image in chosen]
        missing = [one for one in wanted if not one.path.is_file()]
        _render(missing, source, settings, report)
    return Generated(tuple(folders.values()), len(missing), len(wanted) - len(missing))


def _wanted(image: TrainingImage, folder: Path, source: Source) -> Wanted:
    return Wanted(folder / f"{image.path.stem}.png", image.caption() or image.concept, source.size_of(image))


def _render(missing: Iterable[Wanted], source: Source, settings: PreviewSettings, report: Report) -> None:
    rows = sorted(missing, key=lambda one: one.size)
    if not rows:
        return
    from train_tools.families.loading import load

    from .packed import to_device
    from .render import Frame, Request, render_base

    samplers.check(settings.sampler[0], settings.scheduler[0])
    base = load(source.base_model)
    to_device(base)
    done = 0
    for size, group in groupby(rows, key=lambda one: one.size):
        same = list(group)
        frame = Frame(
            size[0], size[1], source.clip_skip, settings.sampler[0], settings.scheduler[0], settings.steps[0]
        )
        for start in range(0, len(same), settings.batch_cells):
            part = same[start : start + settings.batch_cells]
            requests = [
                Request(one.prompt, settings.negative_prompt[0], settings.seed[0], settings.cfg_scale[0])
                for one in part
            ]
            for one, picture in zip(part, render_base(base, requests, frame), strict=True):
                _write(one, picture)
                done += 1
                report(done, len(rows))


def _write(one: Wanted, picture: Image.Image) -> None:
    """The caption first: a picture that is there is complete."""
    try:
        one.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(one.path.with_suffix(".txt"), one.prompt + "\n")
        save(picture, one.path)
    except OSError as error:
        raise TrainToolsError(
            f"rendering stopped, what is rendered is kept: {sentence_of(error, one.path)}"
        ) from error
