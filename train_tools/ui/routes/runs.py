"""The runs of a version in the Compare panel: the list, differences, downloads, and back into a plan."""

from __future__ import annotations

import itertools
from typing import Any

from starlette.responses import Response

from train_tools.compare import runs
from train_tools.compare.board import read_board
from train_tools.errors import UsageError
from train_tools.planning.catalogue import check_training
from train_tools.planning.duplicate import settings_of
from train_tools.planning.exposure import Folders, refuse_exposed
from train_tools.ui.downloads import downloaded
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import settings
from train_tools.workspace.zip_stream import parcel_of, zip_pieces

AT = "/api/v/{project}/{version}/compare/runs"
SECTION = "training"


def listed(call: Call) -> list[dict[str, Any]]:
    return runs.run_list(call.version)


def difference(call: Call) -> dict[str, Any]:
    return runs.difference(call.version, call.request.query_params.getlist("run"))


def duplicated(call: Call) -> dict[str, Any]:
    """Runs (`runs`) become the plan of a version of the project (`into`, "" is this one), in the place of its own.

    Answers with what was set there, so that it can be taken back.
    """
    version, names = call.version, call.field("runs", list)
    if not all(isinstance(name, str) for name in names):
        raise UsageError("'runs' must be names of runs")
    target = call.workspace.version(version.project, str(call.field("into", str, "")) or version.name)
    made = settings_of([run.arguments for run in runs.runs_named(read_board(version), names)])
    check_training(made)
    if call.exposed:
        refuse_exposed(made, Folders(call.root))
    before = settings.read(target)[SECTION]
    settings.update(target, SECTION, {**dict.fromkeys(before, None), **made})
    return {"version": target.name, "before": {name: before.get(name) for name in {**before, **made}}}


def size(call: Call) -> dict[str, Any]:
    """What a zip of the run would hold."""
    parcel = parcel_of(runs.run_folder(call.version, call.query("run")))
    return {"files": len(parcel.files), "bytes": parcel.bytes, "left_out": parcel.left_out}


def zipped(call: Call) -> Response:
    parcel = parcel_of(runs.run_folder(call.version, call.query("run")))
    pieces = zip_pieces(parcel)
    head = next(pieces)  # a disk that can't be read is told before anything is sent
    return downloaded(itertools.chain([head], pieces), f"{parcel.name}.zip", "application/zip")


def sheets(call: Call) -> list[dict[str, Any]]:
    """Their paths in the version's folder, which `/files/v/` gives."""
    version = call.version
    return [
        {
            "path": path.relative_to(version.folder).as_posix(),
            "bytes": path.stat().st_size,
            "made": path.stat().st_mtime,
        }
        for path in runs.sheets(version)
    ]


ROUTES = [
    get(AT, listed),
    get(f"{AT}/diff", difference),
    post(f"{AT}/duplicate", duplicated),
    get(f"{AT}/size", size),
    get(f"{AT}/zip", zipped),
    get(f"{AT}/sheets", sheets),
]
