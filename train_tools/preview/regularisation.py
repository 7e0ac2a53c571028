"""Regularisation images from the base model alone: for each training image one of its caption, seed and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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

from .cells import Cell, Checkpoint, Recipe, Run
from .choosing import REMAIN, Chooser
from .pictures import save
from .plan import PreviewPlan, Row
from .prompts import read_as
from .renderer import Bridge, Connect
from .rendering import Rendering
from .service import drawn_bases
from .settings import PreviewSettings

Report = Callable[[int, int], None]
NO_LORA = (0.0,)


@dataclass(frozen=True)
class Source:
    """What the images are rendered with: what a run of the version is trained with, and a size in pixels for each."""

    run: Run
    size_of: Callable[[TrainingImage], Size]


@dataclass(frozen=True)
class Generated:
    """`kept` were there already; `drawn` says by what the others were drawn."""

    folders: tuple[Path, ...]
    rendered: int
    kept: int
    drawn: str = ""


def generate(
    version: Version,
    source: Source,
    settings: PreviewSettings,
    concept: str,
    report: Report,
    *,
    bridge: Bridge | None = None,
    connect: Connect = lambda: None,
) -> Generated:
    """Renders what is missing below dataset/reg, each with its caption; `report(done, of)` may raise.

    Of settings that hold several values the first counts. `concept` "" means all. `bridge` and `connect` as for a
    preview. Raises UsageError where nothing is processed or `concept` isn't there, TrainToolsError where pictures fail.
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
        chooser = Chooser(version, replace(settings, weights=NO_LORA), bridge, waits=True)
        rendering = Rendering(
            chooser,
            lambda asked: _plan(asked, source, chosen, folders),
            lambda progress: report(progress.done, progress.total),
            connect,
            _write,
        )
        rendering.prepare(again=False)
        there_before = sum(path.is_file() for path in rendering.pictures)
        rendering.run()
    if failed := list(dict.fromkeys(rendering.errors.values())):
        raise TrainToolsError(f"{len(rendering.errors)} images failed; {failed[0]}")
    if rendering.left:
        raise TrainToolsError(REMAIN)
    by = drawn_bases(rendering.plan)[0].sentence if rendering.drawn else ""
    return Generated(tuple(folders.values()), len(rendering.drawn), there_before, by)


def _plan(
    chooser: Chooser, source: Source, images: Sequence[TrainingImage], folders: Mapping[str, Path]
) -> PreviewPlan:
    """A cell without LoRA for each image, where it belongs."""
    chooser.expect([source.run])
    checkpoint = Checkpoint(source.run, source.run.folder, 0, "")
    base_model, settings = source.run.base_model, chooser.settings
    drawn, ways = chooser.drawn(source.run, base_model), chooser.ways(base_model)
    made = ways.made(source.run, drawn)[0]
    base, negative = chooser.look(base_model).token, settings.negative_prompt[0]
    cells = []
    for image in images:
        prompt = image.caption() or image.concept
        width, height = ways.sized(*source.size_of(image))
        recipe = Recipe(
            lora="", weight_unet=0.0, weight_te=0.0, block_weights="", base=base, prompt=prompt,
            negative_prompt=negative, seed=settings.seed[0], width=width, height=height, renderer=drawn.renderer,
            force=drawn.force, texts=read_as(drawn.renderer, prompt, negative), **made,
        )  # fmt: skip
        path = folders[image.concept] / f"{image.path.stem}.png"
        cells.append(Cell(checkpoint, recipe, base_model, (prompt, negative), "", path, drawn, recipe.key))
    return PreviewPlan((Row(checkpoint, tuple(cells)),), ())


def _write(cell: Cell, picture: Image.Image, infotext: str) -> None:
    """The caption first: a picture that is there is complete."""
    try:
        cell.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(cell.path.with_suffix(".txt"), cell.recipe.prompt + "\n")
        save(picture, cell.path, infotext)
    except OSError as error:
        raise TrainToolsError(
            f"rendering stopped, what is rendered is kept: {sentence_of(error, cell.path)}"
        ) from error
