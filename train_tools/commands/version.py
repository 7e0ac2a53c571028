"""`version list|create|rename|clone|delete|export|import PROJECT …`."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands.options import add_common, add_export, add_import, add_name, add_version
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
from train_tools.errors import UsageError
from train_tools.planning.host_model import BASE, chosen_in_webui
from train_tools.workspace.archive import export_version
from train_tools.workspace.begin_version import begin_version
from train_tools.workspace.clone import PARTS, clone_version, start_from
from train_tools.workspace.halfwidth import half_commas
from train_tools.workspace.rename import rename_version
from train_tools.workspace.summary import VersionSummary, summarize_versions
from train_tools.workspace.trash import delete_version
from train_tools.workspace.unpack import import_version
from train_tools.workspace.workspace import Version, Workspace

HELP = "Lists, makes, renames, copies, exports, imports and deletes the versions of a project."
COUNTS = ("originals", "images", "captions", "runs", "checkpoints", "bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("list", help="all versions of a project, the one changed last first")
    leaf.add_argument("project", metavar="PROJECT")
    add_common(leaf)
    leaf = actions.add_parser("create", help="make a version, empty or from another one")
    add_version(leaf)
    leaf.add_argument(
        "--from", dest="source", metavar="[PROJECT/]VERSION", help="another version to start from"
    )
    leaf.add_argument("--take", metavar=",".join(PARTS), help="what to take from it (default: both)")
    add_common(leaf)
    leaf = actions.add_parser("rename", help="give a version another name; its checkpoints keep theirs")
    add_version(leaf)
    add_name(leaf)
    add_common(leaf)
    leaf = actions.add_parser("clone", help="copy a version")
    add_version(leaf)
    add_name(leaf)
    leaf.add_argument(
        "--to", metavar="PROJECT", help="the project that the copy is made in (default: the same)"
    )
    leaf.add_argument("--without-runs", action="store_true", help="data and settings alone")
    add_common(leaf)
    leaf = actions.add_parser("delete", help="move a version to the trash")
    add_version(leaf)
    add_common(leaf)
    leaf = actions.add_parser("export", help="write a version into a zip")
    add_version(leaf)
    add_export(leaf)
    add_common(leaf)
    leaf = actions.add_parser("import", help="make a version from a zip")
    leaf.add_argument("project", metavar="PROJECT")
    add_import(leaf)
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    actions = {
        "list": list_versions,
        "create": create,
        "rename": rename,
        "clone": clone,
        "delete": delete,
        "export": export,
        "import": import_,
    }
    return actions[arguments.action](workspace, arguments, out)


def list_versions(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    summaries = summarize_versions(workspace, arguments.project)
    if summaries:
        out.say(table([["version", *COUNTS, "changed"], *map(_row, summaries)], frozenset(range(1, 7))))
    else:
        out.say(f"no versions yet; make one with `version create {arguments.project} NAME`")
    out.document({"project": arguments.project, "versions": [_document(summary) for summary in summaries]})
    return 0


def _row(summary: VersionSummary) -> list[str]:
    counts = [str(getattr(summary, name)) for name in COUNTS[:-1]]
    return [summary.version.name, *counts, megabytes(summary.bytes), moment(summary.changed)]


def _document(summary: VersionSummary) -> dict[str, object]:
    return {
        "name": summary.version.name,
        "folder": str(summary.version.folder),
        **{name: getattr(summary, name) for name in COUNTS},
        "changed": summary.changed,
    }


def create(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    document: dict[str, object] = {}
    if arguments.source is None:
        if arguments.take is not None:
            raise UsageError("--take says what to take from another version; name that with --from")
        training = chosen_in_webui(workspace.root)
        folder = begin_version(workspace, arguments.project, arguments.version, training=training).folder
        if training:
            out.say(f"its base model is the webui's: {training[BASE]}")
    else:
        take = tuple(part.strip() for part in half_commas(arguments.take or ",".join(PARTS)).split(","))
        source = _source(workspace, arguments)
        cloned = start_from(workspace, source, arguments.project, arguments.version, take, say_bytes(out))
        document = cloned_document(cloned)
        folder = cloned.folder
    out.say(f"made version {arguments.version} of {arguments.project} in {folder}")
    out.document({"project": arguments.project, "name": arguments.version, **document, "folder": str(folder)})
    return 0


def _source(workspace: Workspace, arguments: argparse.Namespace) -> Version:
    """`VERSION` of the same project, or `PROJECT/VERSION`; names hold no `/`."""
    project, slash, version = arguments.source.rpartition("/")
    return workspace.version(project if slash else arguments.project, version)


def rename(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    renamed = rename_version(workspace, arguments.project, arguments.version, arguments.name)
    out.say(f"version {arguments.version} of {arguments.project} is called {arguments.name} now")
    say_renamed(renamed, arguments.project, out)
    out.document({"project": arguments.project, "name": arguments.name, **renamed_document(renamed)})
    return 0


def clone(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    source = workspace.version(arguments.project, arguments.version)
    project = arguments.to or arguments.project
    with_runs = not arguments.without_runs
    cloned = clone_version(
        workspace, source, project, arguments.name, with_runs=with_runs, report=say_bytes(out)
    )
    say_cloned(cloned, out)
    out.document({"project": project, "name": arguments.name, **cloned_document(cloned)})
    return 0


def delete(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    trashed = delete_version(workspace, arguments.project, arguments.version)
    out.say(
        f"moved version {arguments.version} of {arguments.project} to {trashed}; "
        f"`trash restore {trashed.name}` brings it back"
    )
    out.document(
        {
            "project": arguments.project,
            "name": arguments.version,
            "trash": str(trashed),
            "entry": trashed.name,
        }
    )
    return 0


def export(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    exported = export_version(
        workspace.version(arguments.project, arguments.version),
        arguments.output or Path(f"{arguments.project}-{arguments.version}.zip"),
        with_runs=not arguments.without_runs,
        with_originals=not arguments.without_originals,
        report=say_bytes(out),
    )
    say_exported(exported, out)
    return 0


def import_(workspace: Workspace, arguments: argparse.Namespace, out: Output) -> int:
    imported = import_version(
        workspace, arguments.project, arguments.file, name=arguments.name, report=say_bytes(out)
    )
    say_imported(imported, out)
    return 0
