"""Changes to a version's settings for training, as `plan` and `train` take them: `--set` and `--arguments`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from train_tools.commands.asking import ask_where_due
from train_tools.commands.options import add_set
from train_tools.commands.output import Output
from train_tools.planning.pasted import Pasted, parse_pasted
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version


def add_changes(parser: argparse.ArgumentParser) -> None:
    add_set(parser)
    add_pasted(parser)


def add_pasted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arguments",
        default="",
        metavar="TEXT",
        help="arguments of sd-scripts as they stand in guides; with =, as in --arguments='--flip_aug --seed=1'",
    )


def changes_of(arguments: argparse.Namespace, version: Version, out: Output) -> dict[str, Any]:
    """What `--arguments` and, over it, `--set` change; says what the pasted text overrides and what is left out."""
    ask_where_due(out)
    pasted = parse_pasted(arguments.arguments)
    say_overridden(pasted, settings.read(version)["training"], out)
    return {**pasted.settings, **settings.parse_assignments(arguments.set)}


def say_overridden(pasted: Pasted, given: Mapping[str, Any], out: Output) -> None:
    for name, (old, new) in pasted.overridden(given).items():
        out.say(f"{name}: {new} instead of {old}")
    for name, reason in pasted.left_out.items():
        out.say(f"{name} is left out: {reason}")
