"""Projects and versions as zips: made to be downloaded, and read back. Both are tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from train_tools.errors import UsageError
from train_tools.planning.exposure import refuse_exposed_version
from train_tools.ui import exports
from train_tools.ui.guard import folders_of
from train_tools.ui.routing import Call, get, post, upload
from train_tools.ui.tasks import Task
from train_tools.workspace.archive import Exported, export_project, export_version
from train_tools.workspace.files import move_to_trash, temporary_sibling
from train_tools.workspace.names import comparable
from train_tools.workspace.unpack import Check, all_right, contents, import_project, import_version
from train_tools.workspace.workspace import Workspace


def exported_project(call: Call) -> dict[str, Any]:
    workspace, project = call.workspace, call.workspace.project(call.part("project"))
    file, parts = exports.new_file(call.root, project.name), _parts(call)
    return call.tasks.start(
        lambda task: _exported(export_project(workspace, project, file, **parts, report=task.report))
    )


def exported_version(call: Call) -> dict[str, Any]:
    version = call.version
    file, parts = exports.new_file(call.root, version.project, version.name), _parts(call)
    return call.tasks.start(
        lambda task: _exported(export_version(version, file, **parts, report=task.report))
    )


def _parts(call: Call) -> dict[str, bool]:
    return {name: bool(call.field(name, bool, True)) for name in ("with_runs", "with_originals")}


def _exported(made: Exported) -> dict[str, Any]:
    return {
        "file": made.file.name,
        "files": made.files,
        "bytes": made.file.stat().st_size,
        "left_out": made.left_out,
    }


def all_exports(call: Call) -> list[dict[str, Any]]:
    return [
        {"file": file.name, "bytes": file.stat().st_size, "made": file.stat().st_mtime}
        for file in exports.existing(call.root)
    ]


def download(call: Call) -> Response:
    file = exports.find(call.root, call.part("name"))
    return FileResponse(file, media_type="application/zip", filename=file.name)


def put_away(call: Call) -> dict[str, str]:
    file = exports.find(call.root, str(call.field("file")))
    return {"entry": move_to_trash(file, call.workspace.trash).name}


def _uploads(call: Call) -> Path:
    folder = call.root / "train_tools"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def imported(call: Call, file: Path) -> dict[str, Any]:
    """A project, or a version into `?project=`, else into the project that it came from; `?name=` calls it so."""
    shown = call.query("file", "the file")
    with _called(file, shown):
        contents(file)  # what is wrong with it is said at once
    kept = temporary_sibling(file)  # the upload is gone when this handler ends
    file.replace(kept)
    workspace, project, name = call.workspace, call.query("project"), call.query("name") or None
    check = _check(call)

    def work(task: Task) -> dict[str, Any]:
        try:
            with _called(kept, shown):
                return _import(workspace, kept, project, name, task, check)
        finally:
            kept.unlink(missing_ok=True)

    return call.tasks.start(work)


@contextlib.contextmanager
def _called(file: Path, name: str) -> Iterator[None]:
    """Sentences call the file as the person does who sent it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(str(error).replace(str(file), name)) from error


def _check(call: Call) -> Check:
    """Of what comes over the network it is asked what would be asked of its settings one by one."""
    if not call.exposed:
        return all_right
    folders = folders_of(call.root)
    return lambda version: refuse_exposed_version(version, folders)


def _import(
    workspace: Workspace, file: Path, project: str, name: str | None, task: Task, check: Check
) -> dict[str, Any]:
    manifest = contents(file)
    if manifest.kind == "project":
        made = import_project(workspace, file, name=name, report=task.report, check=check)
        return {"project": made.name, "version": "", "files": made.files, "bytes": made.bytes}
    target = project or _home(workspace, manifest.project)
    made = import_version(workspace, target, file, name=name, report=task.report, check=check)
    return {"project": target, "version": made.name, "files": made.files, "bytes": made.bytes}


def _home(workspace: Workspace, project: str) -> str:
    """The project of that name, made where there is none."""
    if not project:
        raise UsageError("the zip holds a version and names no project; choose one to import it into")
    there = {comparable(found.name): found.name for found in workspace.projects()}
    return there.get(comparable(project)) or workspace.create_project(project).name


ROUTES = [
    post("/api/projects/{project}/export", exported_project),
    post("/api/v/{project}/{version}/export", exported_version),
    get("/api/exports", all_exports),
    post("/api/exports/delete", put_away),
    get("/files/exports/{name}", download),
    upload("/api/import", _uploads, imported),
]
