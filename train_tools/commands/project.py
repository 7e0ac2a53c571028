"""`project list|create|rename|clone|delete|export|import …`."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands.options import add_common, add_export, add_import, add_name
from train_tools.commands.output import Output, table
from train_tools.commands.workspace_words import (
    cloned_document,
    megabytes,
    moment,
    renamed_document,
    say_bytes,
    say_cloned,
    say_exported,
    say_imported,
    say_renamed,
)
from train_tools.workspace.archive import export_project
from train_tools.workspace.clone import clone_project
from train_tools.workspace.rename import rename_project
from train_tools.workspace.summary import ProjectSummary, summarize_projects
from train_tools.workspace.trash import delete_project
from train_tools.workspace.unpack import import_project
from train_tools.workspace.workspace import Workspace

HELP = "Lists, makes, renames, copies, exports, imports and deletes projects."
COUNTS = ("images", "captions", "runs", "checkpoints", "bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add_common(actions.add_parser("list", help="all projects, the one changed last first"))
    for action, help_text in (("create", "make a project"), ("delete", "move a project to the trash")):
        leaf = actions.add_parser(action, help=help_text)
        leaf.add_argument("project", metavar="PROJECT")
        add_common(leaf)
    for action, help_text in (
        ("rename", "give a project another name; its checkpoints keep theirs"),
        ("clone", "copy a project with all its versions"),
    ):
        leaf = actions.add_parser(action, help=help_text)
        leaf.add_argument("project", metavar="PROJECT")
        add_name(leaf)
        if action == "clone":
            leaf.add_argument("--without-runs", action="store_true", help="data and settings alone")
        add_common(leaf)
    leaf = actions.add_parser("export", help="write a project into a zip")
    leaf.add_argument("project", metavar="PROJECT")
    add_export(leaf)
    add_common(leaf)
    leaf = actions.add_parser("import", help="make a project from a zip")
    add_import(leaf)
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    actions = {
        "list": list_projects,
        "create": create,
        "rename": rename,
        "clone": clone,
        "delete": delete,
        "export": export,
        "import": import_,
    }
    return actions[arguments.action](workspace, arguments, out)


def list_projects(workspace: Workspace, _: argparse.Namespace, out: Output) -> int:
    summaries = summarize_projects(workspace)
    if summaries:
        out.say(
            table(
                [["project", "versions", *COUNTS, "changed"], *map(_row, summaries)], frozenset(range(1, 7))
            )
        )
    else:
        out.say(f"no projects yet in {workspace.projects_folder}; make one with `project create NAME`")
    out.document({"projects": [_document(summary) for summary in summaries]})
    return 0


def _row(summary: ProjectSummary) -> list[str]:
    counts = [str(summary.total(name)) for name in COUNTS[:-1]]
    size = megabytes(summary.total("bytes"))
    return [summary.project.name, str(len(summary.versions)), *counts, size, moment(summary.changed)]


def _document(summary: ProjectSummary) -> dict[str, object]:
    return {
        "name": summary.project.name,
        "versions": len(summary.versions),
        "folder": str(summary.project.folder),
        **{name: summary.total(name) for name in ("originals", *COUNTS)},
        "changed": summary.changed,
    }


def create(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    project = workspace.create_project(arguments.project)
    out.say(f"made project {project.name} in {project.folder}")
    out.document({"name": project.name, "folder": str(project.folder)})
    return 0


def rename(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    renamed = rename_project(workspace, arguments.project, arguments.name)
    out.say(f"project {arguments.project} is called {arguments.name} now")
    say_renamed(renamed, arguments.project, out)
    out.document({"name": arguments.name, **renamed_document(renamed)})
    return 0


def clone(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    source = workspace.project(arguments.project)
    with_runs = not arguments.without_runs
    cloned = clone_project(workspace, source, arguments.name, with_runs=with_runs, report=say_bytes(out))
    say_cloned(cloned, out)
    out.document({"name": arguments.name, **cloned_document(cloned)})
    return 0


def delete(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    trashed = delete_project(workspace, arguments.project)
    out.say(f"moved project {arguments.project} to {trashed}; `trash restore {trashed.name}` brings it back")
    out.document({"name": arguments.project, "trash": str(trashed), "entry": trashed.name})
    return 0


def export(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    exported = export_project(
        workspace,
        workspace.project(arguments.project),
        arguments.output or Path(f"{arguments.project}.zip"),
        with_runs=not arguments.without_runs,
        with_originals=not arguments.without_originals,
        report=say_bytes(out),
    )
    say_exported(exported, out)
    return 0


def import_(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    say_imported(import_project(workspace, arguments.file, name=arguments.name, report=say_bytes(out)), out)
    return 0
