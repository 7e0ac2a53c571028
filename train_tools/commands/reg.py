"""`reg generate PROJECT VERSION`: regularisation images from the base model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.arguments.values import parse_values
from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.families.detect import detect
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning.defaults import base_model_of, complete, defaults_for
from train_tools.planning.images import bucket_rules
from train_tools.preview.cells import Run
from train_tools.preview.regularisation import Generated, Report, Source, generate
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

HELP = "Makes regularisation images, one for each training image, by the base model alone."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("generate", help="render those that are missing into dataset/reg")
    add_version(leaf)
    leaf.add_argument("--concept", default="", metavar="NAME", help="only this concept's (default: all)")
    add_set(leaf)
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    changes = settings.parse_assignments(arguments.set)
    result = rendered(version, changes, arguments.concept, lambda done, of: out.say(f"images {done}/{of}"))
    if result.drawn:
        out.say(result.drawn)
    out.say(f"{result.rendered} rendered, {result.kept} kept from before")
    for folder in result.folders:
        out.say(f"folder {folder}")
    out.document(
        {
            "folders": [str(folder) for folder in result.folders],
            "rendered": result.rendered,
            "kept": result.kept,
        }
    )
    return 0


def rendered(version: Version, changes: Mapping[str, str], concept: str, report: Report) -> Generated:
    """By the version's training settings; `changes` are of PreviewSettings, `concept` "" means all."""
    as_trained = {"seed": str(first(version, "seed"))}  # as training guides advise
    chosen = settings.build(PreviewSettings, {**as_trained, **changes})
    trained = arguments_of(version)
    rule = bucket_rules(trained)[-1]  # of several sizes the largest, which the others are made of
    source = Source(Run(version.folder, trained), lambda image: rule.bucket_of(image.size()).size)
    root = version.root
    return generate(
        version,
        source,
        chosen,
        concept,
        report,
        bridge=renderer_of(root) if chosen.renderer in ("auto", "host") else None,
        connect=lambda: renderer_of(root),
    )


def arguments_of(version: Version) -> dict[str, Any]:
    """What a run is trained with, by the first of each setting's values."""
    saved = settings.read(version)["training"]
    given = {name: first(version, name) for name, value in saved.items() if name in ARGUMENTS and value != ""}
    base_model = base_model_of(given)
    return complete(given, defaults_for(base_model, detect(Path(base_model))))


def first(version: Version, name: str) -> Any:
    """The first value of a training argument, of the version's settings or the default."""
    given = settings.read(version)["training"].get(name, "")
    return parse_values(ARGUMENTS[name], given)[0] if given != "" else ARGUMENTS[name].default
