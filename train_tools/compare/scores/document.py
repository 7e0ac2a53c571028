"""What a scoring found, as previews/scores/<model>.json keeps it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from train_tools.compare.board import Board
from train_tools.compare.place import previews
from train_tools.compare.scores import measures
from train_tools.compare.scores.embedder import Embedder
from train_tools.compare.scores.overfit import RULE, Values, overfit_from
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json
from train_tools.workspace.workspace import Version

FOLDER = "scores"


def read_scores(version: Version) -> list[dict[str, Any]]:
    """The documents of all models that looked, the newest first; damaged ones are left out."""
    found = []
    for path in (previews(version) / FOLDER).glob("[!.]*.json"):
        try:
            document = read_json(path)
        except (OSError, TrainToolsError):
            continue
        if isinstance(document, dict) and document.get("schema") == 1:
            found.append(document)
    return sorted(found, key=lambda document: -float(document.get("time", 0)))


def document(
    board: Board, embedder: Embedder, settings: ScoreSettings, values: Mapping[int, Values]
) -> dict[str, Any]:
    found = {}
    for number, own in values.items():
        summaries = {name: measures.summary(list(of.values())) for name, of in own.items()}
        found[board.checkpoints[number].id] = {
            name: {
                "mean": round(s.mean, 5),
                "error": None if s.error is None else round(s.error, 5),
                "count": s.count,
            }
            for name, s in summaries.items()
        }
    return {
        "schema": 1,
        "time": round(time.time(), 3),
        "model": embedder.identity,
        "title": embedder.title,
        "weight": settings.scored_weight,
        "checkpoints": found,
        "overfit": _hints(board, values),
        "rule": RULE,
    }


def _hints(board: Board, values: Mapping[int, Values]) -> dict[str, Any]:
    """By run: the checkpoint from which on it seems to overfit, and the best before."""
    by_run: dict[str, list[int]] = defaultdict(list)
    for number, checkpoint in enumerate(board.checkpoints):
        if number in values:
            by_run[checkpoint.run].append(number)
    hints = {}
    for run, numbers in by_run.items():
        hint = overfit_from([values[number] for number in numbers])
        if hint is not None:
            hints[run] = {
                "from": board.checkpoints[numbers[hint.place]].id,
                "best": board.checkpoints[numbers[hint.best]].id,
                "by": hint.by,
            }
    return hints
