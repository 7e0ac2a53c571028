"""Options that several commands share, said once."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands.output import Output
from train_tools.workspace.workspace import Version, Workspace


def add_common(parser: argparse.ArgumentParser) -> None:
    """`--root` and `--json`; give each leaf parser its own, so that they stand behind any sub-command."""
    parser.add_argument(
        "--root",
        type=Path,
        default=None,
        help="folder that holds train_tools/projects (default: $TRAIN_TOOLS_ROOT, else ./outputs)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")


def add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT")
    parser.add_argument("version", metavar="VERSION")


def add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting; may be given several times",
    )


def open_version(arguments: argparse.Namespace, out: Output) -> Version:
    """The version that `add_version` asked for, whole: a change of captions that a crash cut off is taken back."""
    from train_tools.tags.journal import settle

    version = Workspace(arguments.root).version(arguments.project, arguments.version)
    if done := settle(version):
        out.say(done)
    return version


def add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the zip (default: named alike, in this folder)"
    )
    parser.add_argument("--without-runs", action="store_true", help="leave out runs and previews")
    parser.add_argument("--without-originals", action="store_true", help="leave out the uploaded images")


def add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="ZIP")
    parser.add_argument(
        "--name", metavar="NAME", help="call it so (default: as in the zip, or the next free name)"
    )


def add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NEW_NAME")
