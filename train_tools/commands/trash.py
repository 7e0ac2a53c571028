"""`trash list|restore`."""

from __future__ import annotations

import argparse

from train_tools.commands.options import add_common
from train_tools.commands.output import Output, table
from train_tools.commands.workspace_words import moment
from train_tools.workspace.trash import list_trash, restore
from train_tools.workspace.workspace import Workspace

HELP = "Lists what was deleted, and puts it back."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add_common(actions.add_parser("list", help="what can be put back, the newest first"))
    leaf = actions.add_parser("restore", help="put something back where it was")
    leaf.add_argument("entry", metavar="ENTRY", help="its name in the list; or what it was called")
    leaf.add_argument("--name", metavar="NAME", help="call it so, where its old name is taken")
    leaf.add_argument("--project", metavar="PROJECT", help="put a version into this project")
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    if arguments.action == "restore":
        target = restore(workspace, arguments.entry, name=arguments.name, project=arguments.project)
        out.say(f"{arguments.entry} is back in {target}")
        out.document({"entry": arguments.entry, "folder": str(target)})
        return 0
    entries = list_trash(workspace)
    rows = [[t.entry, t.kind, str(t.origin), moment(t.deleted)] for t in entries]
    out.say(table([["entry", "kind", "was", "deleted"], *rows]) if rows else "the trash is empty")
    out.document(
        {
            "trash": str(workspace.trash),
            "entries": [
                {
                    "entry": t.entry,
                    "kind": t.kind,
                    "name": t.name,
                    "project": t.project,
                    "from": str(t.origin),
                    "deleted": t.deleted,
                }
                for t in entries
            ],
        }
    )
    return 0
