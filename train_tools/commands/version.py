"""`version list|create|delete PROJECT …`."""

from __future__ import annotations

import argparse

from train_tools.commands.options import add_common, add_version
from train_tools.commands.output import Output, table
from train_tools.dataset.originals import images_in
from train_tools.dataset.training import training_images
from train_tools.workspace.workspace import Workspace, folders_in

HELP = "Lists, makes and puts away the versions of a project."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("list", help="all versions of a project")
    leaf.add_argument("project", metavar="PROJECT")
    add_common(leaf)
    for action, help_text in (("create", "make a version"), ("delete", "move a version to the trash")):
        leaf = actions.add_parser(action, help=help_text)
        add_version(leaf)
        add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    actions = {"list": list_versions, "create": create, "delete": delete}
    return actions[arguments.action](workspace, arguments, out)


def list_versions(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    rows = [
        {
            "name": version.name,
            "originals": len(images_in(version.origin)),
            "images": len(training_images(version.processed)),
            "runs": len(folders_in(version.trains)),
            "folder": str(version.folder),
        }
        for version in workspace.versions(arguments.project)
    ]
    if rows:
        heading = ["version", "originals", "images", "runs"]
        lines = [[str(row[key]) for key in ("name", "originals", "images", "runs")] for row in rows]
        out.say(table([heading, *lines], frozenset([1, 2, 3])))
    else:
        out.say(f"no versions yet; make one with `version create {arguments.project} NAME`")
    out.document({"project": arguments.project, "versions": rows})
    return 0


def create(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    version = workspace.create_version(arguments.project, arguments.version)
    out.say(f"made version {version.name} of {version.project} in {version.folder}")
    out.document({"project": version.project, "name": version.name, "folder": str(version.folder)})
    return 0


def delete(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    trashed = workspace.delete_version(arguments.project, arguments.version)
    out.say(f"moved version {arguments.version} of {arguments.project} to {trashed}")
    out.document({"project": arguments.project, "name": arguments.version, "trash": str(trashed)})
    return 0
