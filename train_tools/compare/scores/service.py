"""Scores the checkpoints of a version: previews/scores/<model>.json, and the vectors beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.compare.board import Board, read_board
from train_tools.compare.place import picture_path, previews
from train_tools.compare.scores import measures
from train_tools.compare.scores.document import FOLDER, document
from train_tools.compare.scores.embedder import Embedder
from train_tools.compare.scores.settings import SIMPLE, ScoreSettings
from train_tools.compare.scores.vectors import Vectors, content_key
from train_tools.dataset.training import training_images
from train_tools.errors import TrainToolsError, UsageError
from train_tools.preview.index import AXES, CellEntry
from train_tools.workspace.files import write_json
from train_tools.workspace.workspace import Version

LORA = re.compile(r"<lora:[^>]*>")
Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Scored:
    """What a scoring did. `faults` are sentences on pictures that couldn't be read."""

    model: str
    checkpoints: int
    pictures: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class _Picture:
    """A cell that is scored: what it shows apart from the checkpoint, and from the seed."""

    key: str
    checkpoint: int
    what: tuple[Any, ...]
    but_seed: tuple[Any, ...]
    text: str


def embedder_named(model: str) -> Embedder:
    """Raises UsageError where it is neither `simple`, nor the folder or hub id of a CLIP model."""
    if model == SIMPLE:
        from train_tools.compare.scores.simple import SimpleFeatures

        return SimpleFeatures()
    from train_tools.compare.scores.clip import Clip

    return Clip(model)


def score(version: Version, settings: ScoreSettings, report: Report) -> Scored:
    """Raises UsageError where there are no training images, or no pictures of that weight."""
    board = read_board(version)
    chosen = _pictures(board, settings.scored_weight, _triggers(version))
    trained = training_images(version.processed)
    if not trained:
        raise UsageError(
            f"there are no training images to compare with; run `dataset process {version.project} {version.name}`"
        )
    embedder = embedder_named(settings.scorer)
    vectors = Vectors(previews(version) / FOLDER / f"{embedder.identity}.npz")
    training = {content_key(image.path): image.path for image in trained}
    shown, missing = _paths(version, board, chosen)
    total, done = len(vectors.missing({**training, **shown})), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report(done, total, "")

    with embedder:
        faults = missing | vectors.add({**training, **shown}, embedder, settings.pictures_at_once, advance)
        pictures = [picture for _, picture in chosen if picture.key in vectors]
        known = {key: path for key, path in training.items() if key in vectors}
        if not known or not pictures:
            raise TrainToolsError(f"no picture could be read: {next(iter(faults.values()), '')}")
        values, nearest = _measure(pictures, list(known), vectors, embedder)
    vectors.save({**training, **shown})
    names = [path.name for path in known.values()]
    found = document(board, embedder, settings, values)
    found["nearest"] = {key: [names[number], round(cosine, 5)] for key, number, cosine in nearest}
    write_json(previews(version) / FOLDER / f"{embedder.identity}.json", found)
    return Scored(embedder.identity, len(values), len(pictures), tuple(faults.values()))


def _triggers(version: Version) -> list[str]:
    """Concepts of the dataset: words that a model which never met them has nothing to say of."""
    return sorted({image.concept for image in training_images(version.processed)}, key=len, reverse=True)


def _pictures(board: Board, weight: float, triggers: Sequence[str]) -> list[tuple[int, _Picture]]:
    """Cells of that weight with their numbers."""
    found = []
    for number, (cell, owner) in enumerate(zip(board.cells, board.owner, strict=True)):
        if cell.image and cell.weight == weight:
            but_seed = shown_by(cell)
            text = without_trigger(cell.text, triggers)
            found.append((number, _Picture(cell.key, owner, (*but_seed, cell.seed), but_seed, text)))
    if not found:
        weights = sorted({f"{c.weight:g}" if isinstance(c.weight, float) else c.weight for c in board.cells})
        there = f"there are: {'; '.join(weights)}" if weights else "render a preview first"
        raise UsageError(f"there are no pictures of LoRA weight {weight:g}; {there}")
    return found


def _paths(
    version: Version, board: Board, chosen: Sequence[tuple[int, _Picture]]
) -> tuple[dict[str, Path], dict[str, str]]:
    """By key; and a sentence for each picture that isn't there."""
    found, missing = {}, {}
    for number, one in chosen:
        try:
            found[one.key] = picture_path(version, board.cells[number])
        except UsageError as error:
            missing[one.key] = str(error)
    return found, missing


def shown_by(cell: CellEntry) -> tuple[Any, ...]:
    """All that a picture shows but its checkpoint and its seed."""
    return tuple(getattr(cell, name) for name in AXES if name not in ("run", "epoch", "seed"))


def without_trigger(prompt: str, triggers: Sequence[str]) -> str:
    """What is left of a prompt for a model that doesn't know the trigger word; may be empty."""
    text = LORA.sub("", prompt)
    for trigger in triggers:
        text = re.sub(rf"(?<!\w){re.escape(trigger)}(?!\w)", "", text, flags=re.IGNORECASE)
    return ", ".join(part for piece in text.split(",") if (part := " ".join(piece.split())))


def _measure(
    pictures: Sequence[_Picture], training: Sequence[str], vectors: Vectors, embedder: Embedder
) -> tuple[dict[int, dict[str, dict[Any, float]]], list[tuple[str, int, float]]]:
    """For each checkpoint each measure's value by what is shown; and for each picture the nearest training image."""
    rows = vectors.rows([picture.key for picture in pictures])
    trained = vectors.rows(training)
    values: dict[int, dict[str, dict[Any, float]]] = defaultdict(lambda: defaultdict(dict))
    cosines, numbers = measures.to_nearest(rows, trained)
    for picture, mean, cosine in zip(pictures, measures.to_training(rows, trained), cosines, strict=True):
        values[picture.checkpoint][measures.TRAINING][picture.what] = float(mean)
        values[picture.checkpoint][measures.NEAREST][picture.what] = float(cosine)
    if embedder.reads_text:
        _add_prompts(values, pictures, rows, embedder)
    groups: dict[tuple[int, Any], list[int]] = defaultdict(list)
    for number, picture in enumerate(pictures):
        groups[picture.checkpoint, picture.but_seed].append(number)
    for (checkpoint, but_seed), members in groups.items():
        if len(members) > 1:
            values[checkpoint][measures.DIVERSITY][but_seed] = measures.diversity(rows[members])
    nearest = [(p.key, int(n), float(c)) for p, n, c in zip(pictures, numbers, cosines, strict=True)]
    return {number: dict(own) for number, own in values.items()}, nearest


def _add_prompts(
    values: dict[int, dict[str, dict[Any, float]]],
    pictures: Sequence[_Picture],
    rows: Any,
    embedder: Embedder,
) -> None:
    texts = sorted({picture.text for picture in pictures if picture.text})
    if not texts:
        return
    place = {text: number for number, text in enumerate(texts)}
    prompts = embedder.texts(texts)
    for picture, row in zip(pictures, rows, strict=True):
        if picture.text:
            cosine = measures.to_own_prompt(row[None], prompts[place[picture.text]][None])[0]
            values[picture.checkpoint][measures.PROMPT][picture.what] = float(cosine)
