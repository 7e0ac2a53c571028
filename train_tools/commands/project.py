"""`project list|create|delete`."""

from __future__ import annotations

import argparse

from train_tools.commands.options import add_common
from train_tools.commands.output import Output, table
from train_tools.workspace.workspace import Workspace

HELP = "Lists, makes and puts away projects."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add_common(actions.add_parser("list", help="all projects"))
    for action, help_text in (("create", "make a project"), ("delete", "move a project to the trash")):
        leaf = actions.add_parser(action, help=help_text)
        leaf.add_argument("project", metavar="PROJECT")
        add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    actions = {"list": list_projects, "create": create, "delete": delete}
    return actions[arguments.action](workspace, arguments, out)


def list_projects(workspace: Workspace, _: argparse.Namespace, out: Output) -> int:
    rows = [(p.name, len(workspace.versions(p.name)), str(p.folder)) for p in workspace.projects()]
    if rows:
        out.say(
            table([["project", "versions"], *([name, str(count)] for name, count, _ in rows)], frozenset([1]))
        )
    else:
        out.say(f"no projects yet in {workspace.projects_folder}; make one with `project create NAME`")
    out.document(
        {"projects": [{"name": n, "versions": count, "folder": folder} for n, count, folder in rows]}
    )
    return 0


def create(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    project = workspace.create_project(arguments.project)
    out.say(f"made project {project.name} in {project.folder}")
    out.document({"name": project.name, "folder": str(project.folder)})
    return 0


def delete(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    trashed = workspace.delete_project(arguments.project)
    out.say(f"moved project {arguments.project} to {trashed}")
    out.document({"name": arguments.project, "trash": str(trashed)})
    return 0
