"""The Compare panel: board, marks, votes, scores, curves, advice."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from dataclasses import asdict
from typing import Any

from starlette.responses import FileResponse, Response

from train_tools.compare import place, service, tensorboard
from train_tools.compare.board import cell_with, read_board
from train_tools.compare.curves import USUAL_SMOOTHING, csv_table, curve_runs, read_curves
from train_tools.compare.export.document import SMALL, pieces, sized
from train_tools.compare.marks import CELL, Target, mark_history, set_mark
from train_tools.compare.scores.measures import MEASURES
from train_tools.compare.scores.settings import SIMPLE, ScoreSettings
from train_tools.compare.thumbnails import SIDE, cell_thumbnail
from train_tools.compare.votes import ranking, take_back, vote
from train_tools.errors import UsageError
from train_tools.execution.lane import wake
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import SCORE
from train_tools.planning.catalogue import check_training
from train_tools.planning.exposure import Folders, refuse_exposed, refuse_exposed_settings
from train_tools.preview.model_names import shown_models
from train_tools.ui.downloads import downloaded
from train_tools.ui.fields import field_of
from train_tools.ui.routing import Call, get, json_text, post
from train_tools.ui.texts import export_words
from train_tools.workspace import settings
from train_tools.workspace.catalogue import entries_of
from train_tools.workspace.files import time_stamp

AT = "/api/v/{project}/{version}/compare"
QUICKLY = 3  # gzip's level; a board is a megabyte of JSON, and its reader waits


def _view(call: Call) -> service.View:
    """From the query: `where` is JSON, `{axis: [value, …]}`."""
    try:
        where = json.loads(call.query("where") or "{}")
        allowed = {str(name): [str(value) for value in values] for name, values in where.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError("where must be JSON like {axis: [value, …]}") from error
    return service.View(
        rows=tuple(filter(None, call.query("rows").split(","))),
        columns=tuple(filter(None, call.query("columns").split(","))),
        where=allowed,
        sort=call.query("sort"),
        starred=call.query("starred") == "1",
        no_rejected=call.query("no_rejected") == "1",
    )


def board(call: Call) -> Response:
    version = call.version
    answer = service.document(version, service.view_board(version, _view(call)))
    answer["stamp"] = service.stamp(version)
    text = json_text(answer, call.language).encode()
    if "gzip" not in call.request.headers.get("accept-encoding", ""):
        return Response(text, media_type="application/json")
    packed = gzip.compress(text, QUICKLY)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(packed, media_type="application/json", headers=headers)


def stamp(call: Call) -> dict[str, str]:
    """Changes whenever the board does."""
    return {"stamp": service.stamp(call.version)}


def thumbnail(call: Call) -> Response:
    version = call.version
    cell = cell_with(version, call.part("key"))
    made = cell_thumbnail(version, cell, call.number("side", SIDE))
    # A key names all that the picture depends on.
    return FileResponse(
        made, media_type="image/webp", headers={"Cache-Control": "private, max-age=31536000, immutable"}
    )


def picture(call: Call) -> Response:
    """The picture itself; `save=1` downloads it."""
    version = call.version
    found = cell_with(version, call.part("key"))
    path = place.picture_path(version, found)
    shown = "attachment" if call.query("save") == "1" else "inline"
    return FileResponse(
        path, media_type=place.PICTURES[path.suffix.lower()], filename=path.name,
        content_disposition_type=shown,
        headers={"Cache-Control": "private, max-age=3600"},
    )  # fmt: skip


def cell(call: Call) -> dict[str, Any]:
    """All that is known of a picture."""
    found = read_board(call.version).cell_with(call.part("key"))
    base_model = shown_models([found.base_model])[found.base_model]
    return asdict(found) | {"weight": found.weight, "size": found.size, "base_model": base_model}


def mark(call: Call) -> dict[str, Any]:
    kind, number = call.field("kind"), call.field("id")
    if kind == CELL:
        number = read_board(call.version).cell_with(number).key
    target = Target(kind, number, call.field("name", str, ""))
    done = set_mark(call.version, target, call.field("mark", str, None), call.field("note", str, None))
    return {"mark": done.mark, "note": done.note}


def marks(call: Call) -> dict[str, Any]:
    version = call.version
    return {"marks": service.marked(version), "history": mark_history(version)}


def pair(call: Call) -> dict[str, Any]:
    return service.next_pair(call.version, _view(call), random.Random())


def cast(call: Call) -> dict[str, Any]:
    return vote(
        call.version, call.field("a"), call.field("b"), call.field("outcome"), call.field("cell", str, "")
    )


def undo_vote(call: Call) -> dict[str, str]:
    return {"taken_back": take_back(call.version)}


def ranks(call: Call) -> list[dict[str, Any]]:
    version = call.version
    return service.named_ranks(version, ranking(version))


def measures(call: Call) -> dict[str, Any]:
    """What the scores mean, and the settings of a scoring with what is set."""
    return {
        "measures": [asdict(measure) for measure in MEASURES],
        "settings": [field_of(entry, call.language) for entry in entries_of(SCORE, ScoreSettings)],
        "values": settings.read(call.version)[SCORE],
    }


def score(call: Call) -> dict[str, Any]:
    """Queues a scoring."""
    version = call.version
    changes = {str(name): str(value) for name, value in call.field("settings", dict, {}).items()}
    settings.preview_change(version, SCORE, ScoreSettings, changes)
    if call.exposed and changes.get("scorer") != SIMPLE:
        refuse_exposed_settings(SCORE, changes)
    queue = Queue(call.root)
    ticket = add_job(queue, version, SCORE, changes, Conditions())
    wake(queue, ticket.lane)
    return {"id": ticket.id}


def curves(call: Call) -> dict[str, Any]:
    """`from` and `to` are the steps that are looked at; of the runs that are known with what they are called."""
    version, smoothing = call.version, _decimal(call, "smoothing", USUAL_SMOOTHING)
    part = (_decimal(call, "from", 0), _decimal(call, "to", 0)) if call.query("to") else None
    chosen = call.request.query_params.getlist("run")
    found = read_curves(version, chosen, smoothing, part) if chosen else []
    labels = read_board(version).run_labels
    known = curve_runs(version)
    return service.curves_document(found, smoothing) | {
        "known": known,
        "labels": [labels.get(name, name) for name in known],
    }


def curves_table(call: Call) -> Response:
    """All steps of the runs as a file for a spreadsheet."""
    version, smoothing = call.version, _decimal(call, "smoothing", USUAL_SMOOTHING)
    chosen = call.request.query_params.getlist("run")
    table = csv_table(version, chosen, smoothing, read_board(version).run_labels)
    return downloaded(table, f"{version.project}-{version.name}-curves.csv", "text/csv; charset=utf-8")


def _decimal(call: Call, name: str, default: float) -> float:
    try:
        return float(call.query(name) or default)
    except ValueError as error:
        raise UsageError(f"{name} must be a number") from error


def open_tensorboard(call: Call) -> dict[str, Any]:
    found = tensorboard.start(call.version)
    return {"url": found.url, "answers": found.answers}


def advice(call: Call) -> dict[str, Any]:
    return service.advice_document(service.advice_for(call.version, call.part("key"), call.query("run")))


def plan(call: Call) -> dict[str, Any]:
    """Takes training settings of an advice over; answers with what they were, so that it can be taken back."""
    version = call.version
    changes = call.field("changes", dict)
    before = settings.read(version)["training"]
    check_training({name: value for name, value in changes.items() if value is not None})
    if call.exposed:
        refuse_exposed(changes, Folders(call.root))
    settings.update(version, "training", changes)
    return {"before": {name: before.get(name) for name in changes}}


def export_size(call: Call) -> dict[str, Any]:
    """A task: how large the board would be as one file."""
    version, viewed = call.version, service.view_board(call.version, _view(call))
    return call.tasks.start(lambda _task: asdict(sized(version, viewed)))


def exported(call: Call) -> Response:
    """The board as it is shown, as one HTML file."""
    version = call.version
    viewed = service.view_board(version, _view(call))
    found = pieces(version, viewed, export_words(), call.query("size") or SMALL, call.language)
    head = next(found)
    name = f"{version.project}-{version.name}-{time_stamp()}.html"
    return downloaded(itertools.chain([head], found), name, "text/html; charset=utf-8")


ROUTES = [
    get(f"{AT}/board", board),
    get(f"{AT}/stamp", stamp),
    get(f"{AT}/thumb/{{key}}", thumbnail),
    get(f"{AT}/picture/{{key}}", picture),
    get(f"{AT}/cell/{{key}}", cell),
    get(f"{AT}/marks", marks),
    post(f"{AT}/mark", mark),
    get(f"{AT}/pair", pair),
    post(f"{AT}/vote", cast),
    post(f"{AT}/vote/undo", undo_vote),
    get(f"{AT}/ranking", ranks),
    get(f"{AT}/measures", measures),
    post(f"{AT}/score", score),
    get(f"{AT}/curves", curves),
    get(f"{AT}/curves.csv", curves_table),
    get(f"{AT}/export/size", export_size),
    get(f"{AT}/export", exported),
    post(f"{AT}/tensorboard", open_tensorboard),
    get(f"{AT}/advice/{{key}}", advice),
    post(f"{AT}/plan", plan),
]
