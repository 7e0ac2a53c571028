""" "Keep this one": a checkpoint goes, under a name of choice, to where a webui or anybody else finds it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from train_tools.compare import history
from train_tools.compare.board import Board, read_board
from train_tools.compare.checkpoints import Checkpoint
from train_tools.compare.place import PUBLISHED, picture_path
from train_tools.dataset.census import take_census
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import Found
from train_tools.lora.head_writing import write_with_metadata
from train_tools.preview.index import CellEntry
from train_tools.publish import card
from train_tools.publish.files import NewFiles, taken
from train_tools.publish.settings import LINK, PublishSettings
from train_tools.workspace.files import write_json, write_text
from train_tools.workspace.names import check_name
from train_tools.workspace.tree import check_room, copy_file
from train_tools.workspace.workspace import Version

SPARE_BYTES = 50_000_000  # for pictures, cards and a disk that isn't filled to the brim
LARGEST_PREVIEW = 1024  # pixels, the longest side of the picture beside it
NO_LINK = "it is a copy: no hard link can be made there"
WEBUI_TAG = "=,"  # signs that would end `<lora:name:1>`, beside those that no file may have


@dataclass(frozen=True)
class Request:
    """`cell` is the picture that is shown on its card, None for none; `sheet` a sheet of its previews."""

    checkpoint: Checkpoint
    folder: Path
    name: str
    cell: CellEntry | None = None
    sheet: Path | None = None


@dataclass(frozen=True)
class Published:
    """`files` are the new ones, the LoRA last. `is_link` says that it takes no space of its own."""

    lora: Path
    files: tuple[Path, ...]
    is_link: bool
    notes: tuple[str, ...]


def publish(version: Version, request: Request, settings: PublishSettings) -> Published:
    """Writes the LoRA and what stands beside it; all of it appears, or nothing.

    Raises UsageError where the folder isn't there, or the name can't be used or is taken; TrainToolsError where
    the checkpoint is damaged or the folder can't be written.
    """
    folder, name = _checked_folder(request.folder), check_lora_name(request.name)
    if clash := taken(folder, name):
        raise UsageError(f"{folder} holds {clash} already; nothing is overwritten: choose another name")
    source = request.checkpoint.path(version)
    if request.checkpoint.fault:
        raise TrainToolsError(request.checkpoint.fault)
    check_room(folder, request.checkpoint.bytes + SPARE_BYTES, f"publishing {name}")
    subject, notes = _subject(version, request)
    with NewFiles(folder) as files:
        _prepare_side(files, version, request, subject, settings, notes)
        is_link = _prepare_lora(files, source, subject, settings, notes)
        made = files.appear()
    history.append(
        version,
        PUBLISHED,
        {
            "checkpoint": request.checkpoint.id,
            "of": request.checkpoint.name,
            "name": name,
            "folder": str(folder),
            "files": [path.name for path in made],
        },
    )
    return Published(made[-1], made, is_link, tuple(notes))


def check_lora_name(name: str) -> str:
    """Returns it; raises UsageError where no file may be called so, or a prompt's `<lora:…>` couldn't hold it."""
    check_name(name, "LoRA")
    for sign in WEBUI_TAG:
        if sign in name:
            raise UsageError(f"LoRA name {name!r} can't be used: {sign} breaks <lora:name:1> in a prompt")
    return name


def free_lora_name(folder: Path, name: str) -> str:
    """`name`, or `name-2` and so on where that is taken in `folder`."""
    proposal, number = name, 2
    while folder.is_dir() and taken(folder, proposal):
        proposal = f"{name}-{number}"
        number += 1
    return proposal


def picture_of(board: Board, checkpoint: Checkpoint) -> CellEntry | None:
    """The picture that shows a checkpoint best: at the LoRA weight nearest to 1, the first of those."""
    own = [
        cell
        for cell, owner in zip(board.cells, board.owner, strict=True)
        if board.checkpoints[owner] == checkpoint and cell.image and isinstance(cell.weight, float)
    ]
    shown = [cell for cell in own if cell.weight]
    return min(shown, key=lambda cell: abs(float(cell.weight) - 1), default=None)


def request_for(
    version: Version, checkpoint: Checkpoint, folder: Path, name: str, cell_key: str = ""
) -> Request:
    """With the picture of that key, or the best one; and the newest of the checkpoint's sheets."""
    board = read_board(version)
    cell = board.cell_with(cell_key) if cell_key else picture_of(board, checkpoint)
    images = checkpoint.path(version).with_suffix("") / "images"
    sheets = sorted(images.glob("xyz_grid-*.png"), key=os.path.getmtime)
    return Request(
        checkpoint, folder, name, cell if cell and cell.image else None, sheets[-1] if sheets else None
    )


def _checked_folder(folder: Path) -> Path:
    absolute = folder.expanduser().absolute()
    if not absolute.is_dir():
        raise UsageError(f"there is no folder {absolute}; make it first, or give another")
    return absolute


def _subject(version: Version, request: Request) -> tuple[card.Subject, list[str]]:
    board = read_board(version)
    arguments = next((run.arguments for run in board.runs if run.name == request.checkpoint.run), {})
    base = str(arguments.get("pretrained_model_name_or_path") or "")
    family = detect(Path(base)) if base else Found()
    notes = []
    if family.family is None:
        notes.append("the base model can't be looked into, so the card says nothing of its kind")
    triggers = tuple(dict.fromkeys(c.concept for c in take_census(version).concepts))
    subject = card.Subject(
        request.name, version.project, version.name, request.checkpoint.run, request.checkpoint.epoch,
        request.checkpoint.step, Path(base.replace("\\", "/")).stem, family, triggers, arguments,
    )  # fmt: skip
    return subject, notes


def _prepare_side(
    files: NewFiles,
    version: Version,
    request: Request,
    subject: card.Subject,
    settings: PublishSettings,
    notes: list[str],
) -> None:
    """What stands beside the LoRA. A picture that can't be read is left out, and said."""
    name = request.name
    shown = picture_path(version, request.cell) if request.cell else None
    if _prepare_picture(files, f"{name}.preview.png", shown, LARGEST_PREVIEW, notes) == "":
        notes.append("there is no preview picture for the card; render a preview first, or give one later")
    files.prepare(f"{name}.json", lambda path: write_json(path, card.webui_card(subject, settings)))
    if not settings.card:
        return
    sheet = _prepare_picture(files, f"{name}.sheet.png", request.sheet, 0, notes)
    facts = {"Preview prompt": request.cell.text if request.cell else ""}
    text = card.model_card(subject, settings, take_census(version), sheet, facts)
    files.prepare(f"{name}.md", lambda path: write_text(path, text))


def _prepare_picture(files: NewFiles, name: str, source: Path | None, longest: int, notes: list[str]) -> str:
    """Its name, empty where there is none. It keeps the text that the webui's *PNG Info* reads."""
    if source is None:
        return ""
    from PIL import Image, PngImagePlugin

    try:
        with Image.open(source) as image:
            info = PngImagePlugin.PngInfo()
            if text := getattr(image, "text", {}).get("parameters"):
                info.add_itxt("parameters", text)
            shown = image.convert("RGB")
    except Exception as error:  # Pillow raises a dozen kinds on damaged data
        notes.append(f"{source.name} can't be read ({error}), so it is left out")
        return ""
    if longest:
        shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    files.prepare(name, lambda path: shown.save(path, "PNG", pnginfo=info))
    return name


def _prepare_lora(
    files: NewFiles, source: Path, subject: card.Subject, settings: PublishSettings, notes: list[str]
) -> bool:
    """Returns whether it is a hard link."""
    name = f"{subject.name}{source.suffix}"
    if settings.how == LINK:
        files.prepare(name, lambda path: _link(source, path, notes))
        return not any(note.startswith(NO_LINK) for note in notes)
    if source.suffix == ".safetensors":
        changes = card.metadata(subject, settings)
        files.prepare(name, lambda path: write_with_metadata(source, path, changes))
    else:
        notes.append(f"a {source.suffix} file holds no metadata; it is copied as it is")
        files.prepare(name, lambda path: copy_file(source, path))
    return False


def _link(source: Path, path: Path, notes: list[str]) -> None:
    try:
        path.hardlink_to(source)
    except OSError as error:
        notes.append(f"{NO_LINK} ({error.strerror})")
        copy_file(source, path)
