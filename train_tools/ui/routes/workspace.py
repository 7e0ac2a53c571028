"""Projects, versions and the trash: the bar's routes. Copies are tasks, as they may take long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_tools.errors import UsageError
from train_tools.planning.host_model import chosen_in_webui
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import clone
from train_tools.workspace.begin_version import begin_version
from train_tools.workspace.names import check_name
from train_tools.workspace.rename import Renamed, rename_project, rename_version
from train_tools.workspace.summary import VersionSummary, summarize_projects
from train_tools.workspace.trash import delete_project, delete_version, list_trash, restore
from train_tools.workspace.workspace import Version

FIRST_VERSION = "v1"


def projects(call: Call) -> list[dict[str, Any]]:
    """Those changed last come first."""
    return [
        {
            "name": found.project.name,
            "changed": found.changed,
            "versions": list(map(_version, found.versions)),
        }
        for found in summarize_projects(call.workspace)
    ]


def _version(summary: VersionSummary) -> dict[str, Any]:
    names = ("originals", "images", "captions", "runs", "checkpoints", "bytes", "changed")
    return {"name": summary.version.name} | {name: getattr(summary, name) for name in names}


def _place(project: str, version: str = "") -> dict[str, str]:
    """Where the page goes to."""
    return {"project": project, "version": version}


def create_project(call: Call) -> dict[str, str]:
    """A project with its first version, or none of both."""
    name, version = _name(call), str(call.field("version", str, FIRST_VERSION)).strip() or FIRST_VERSION
    check_name(version, "version")
    call.workspace.create_project(name)
    begin_version(call.workspace, name, version, training=chosen_in_webui(call.root))
    return _place(name, version)


def _name(call: Call) -> str:
    return str(call.field("name")).strip()


def renamed_project(call: Call) -> dict[str, Any]:
    """A task, as all versions' settings are looked through for the old place."""
    workspace, project, name = call.workspace, call.part("project"), _name(call)
    return call.tasks.start(lambda _task: _renamed(rename_project(workspace, project, name), _place(name)))


def renamed_version(call: Call) -> dict[str, Any]:
    """As `renamed_project`."""
    workspace, project, name = call.workspace, call.part("project"), _name(call)
    version = call.version.name
    return call.tasks.start(
        lambda _task: _renamed(rename_version(workspace, project, version, name), _place(project, name))
    )


def _renamed(renamed: Renamed, place: dict[str, str]) -> dict[str, Any]:
    return {
        **place,
        "concept_kept": renamed.concept_kept,
        "followed": renamed.followed,
        "not_followed": renamed.not_followed,
    }


def cloned_project(call: Call) -> dict[str, Any]:
    workspace, source, name = call.workspace, call.workspace.project(call.part("project")), _name(call)
    with_runs = bool(call.field("with_runs", bool, True))
    return call.tasks.start(
        lambda task: _cloned(
            clone.clone_project(workspace, source, name, with_runs=with_runs, report=task.report),
            _place(name),
        )
    )


def cloned_version(call: Call) -> dict[str, Any]:
    workspace, source, name = call.workspace, call.version, _name(call)
    project = str(call.field("to", str, "")) or source.project
    with_runs = bool(call.field("with_runs", bool, True))
    return call.tasks.start(
        lambda task: _cloned(
            clone.clone_version(workspace, source, project, name, with_runs=with_runs, report=task.report),
            _place(project, name),
        )
    )


def _cloned(cloned: clone.Cloned, place: dict[str, str]) -> dict[str, Any]:
    return {**place, "files": cloned.files, "bytes": cloned.bytes, "left_out": cloned.left_out}


def create_version(call: Call) -> dict[str, Any]:
    """Empty, or with the data or settings (`take`) of another version (`from`: its project and name)."""
    workspace, project, name = call.workspace, call.part("project"), _name(call)
    source = _source(call)
    if source is None:
        made = begin_version(workspace, project, name, training=chosen_in_webui(call.root))
        return {"state": "done", "result": _place(made.project, name)}
    take = [str(part) for part in call.field("take", list, list(clone.PARTS))]
    return call.tasks.start(
        lambda task: _cloned(
            clone.start_from(workspace, source, project, name, take, task.report), _place(project, name)
        )
    )


def _source(call: Call) -> Version | None:
    given = call.field("from", dict, None)
    if not given:
        return None
    return call.workspace.version(str(given.get("project", "")), str(given.get("version", "")))


def deleted_project(call: Call) -> dict[str, str]:
    return _trashed(delete_project(call.workspace, call.part("project")))


def deleted_version(call: Call) -> dict[str, str]:
    return _trashed(delete_version(call.workspace, call.part("project"), call.part("version")))


def _trashed(path: Path) -> dict[str, str]:
    return {"entry": path.name}


def trash(call: Call) -> dict[str, Any]:
    entries = [
        {
            "entry": trashed.entry,
            "kind": trashed.kind,
            "name": trashed.name,
            "project": trashed.project,
            "from": str(trashed.origin),
            "deleted": trashed.deleted,
        }
        for trashed in list_trash(call.workspace)
    ]
    return {"folder": call.workspace.trash, "entries": entries}


def restored(call: Call) -> dict[str, Any]:
    """`name` and `project` where its old name is taken, or its project gone."""
    entry = str(call.field("entry"))
    known = {trashed.entry: trashed for trashed in list_trash(call.workspace)}.get(entry)
    if known is None:
        raise UsageError(f"there is no {entry} in the trash any more")
    name = str(call.field("name", str, "")).strip() or None
    project = str(call.field("project", str, "")).strip() or None
    folder = restore(call.workspace, entry, name=name, project=project)
    if known.kind == "project":
        return _place(folder.name)
    return _place(project or known.project, folder.name) if known.kind == "version" else _place("")


ROUTES = [
    get("/api/projects", projects),
    post("/api/projects", create_project),
    post("/api/projects/{project}/rename", renamed_project),
    post("/api/projects/{project}/clone", cloned_project),
    post("/api/projects/{project}/delete", deleted_project),
    post("/api/projects/{project}/versions", create_version),
    post("/api/v/{project}/{version}/rename", renamed_version),
    post("/api/v/{project}/{version}/clone", cloned_version),
    post("/api/v/{project}/{version}/delete", deleted_version),
    get("/api/trash", trash),
    post("/api/trash/restore", restored),
]
