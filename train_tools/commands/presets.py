"""`presets list|show|save|delete`: starting values by name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.current import current
from train_tools.commands.options import add_common, add_set, add_version
from train_tools.commands.output import Output, table
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import Found
from train_tools.families.registry import BY_NAME
from train_tools.planning.presets import Preset, all_presets, by_fit, delete, save
from train_tools.workspace import settings
from train_tools.workspace.workspace import Workspace

NO_BASE = Found()
HELP = "Lists and shows starting values by name, and saves your own from a version's settings."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("list", help="all presets, shipped and your own")
    leaf.add_argument(
        "--for",
        type=Path,
        dest="base",
        metavar="FILE",
        help="a base model; those that fit it best come first",
    )
    add_common(leaf)
    leaf = actions.add_parser("show", help="what a preset sets")
    leaf.add_argument("name", metavar="NAME")
    add_common(leaf)
    leaf = actions.add_parser("save", help="save a version's training settings as a preset")
    leaf.add_argument("name", metavar="NAME")
    add_version(leaf)
    leaf.add_argument("--help-text", default="", metavar="TEXT", help="what the preset is for")
    add_set(leaf)
    add_common(leaf)
    leaf = actions.add_parser("delete", help="move a preset of your own to the trash")
    leaf.add_argument("name", metavar="NAME")
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    workspace = Workspace(arguments.root)
    own = workspace.root / "train_tools" / "presets"
    if arguments.action == "list":
        list_presets(arguments.base, all_presets(own), out)
    elif arguments.action == "show":
        preset = all_presets(own).get(arguments.name)
        if preset is None:
            raise UsageError(f"there is no preset {arguments.name!r}; `presets list` shows them")
        show(preset, out)
    elif arguments.action == "save":
        version = workspace.version(arguments.project, arguments.version)
        given = {**settings.read(version)["training"], **settings.parse_assignments(arguments.set)}
        known = current().arguments
        chosen = {name: value for name, value in given.items() if name in known and value != ""}
        path = save(own, arguments.name, chosen, arguments.help_text)
        out.say(f"saved {path}")
        out.document({"preset": arguments.name, "file": str(path)})
    else:
        path = delete(own, arguments.name)
        out.say(f"moved to {path}")
        out.document({"preset": arguments.name, "trash": str(path)})
    return 0


def list_presets(base: Path | None, presets: Mapping[str, Preset], out: Output) -> None:
    found = detect(base) if base else NO_BASE
    if found.fault:
        raise UsageError(f"{base} is {found.fault.what}; {found.fault.instead}")
    fitting = by_fit(presets, found, str(base)) if base else [("any", preset) for preset in presets.values()]
    rows = [["preset", "", "for"]]
    for fit, preset in fitting:
        marks = ["own"] if preset.is_own else []
        marks += [fit] if base and fit != "any" else []
        rows.append([preset.name, ", ".join(marks), preset.help])
    if base:
        out.say(f"for {base.name}, {found.title}:")
    out.say(table(rows))
    out.document({"presets": [{**document(p), **({"fit": fit} if base else {})} for fit, p in fitting]})


def show(preset: Preset, out: Output) -> None:
    source = ", ".join(filter(None, (preset.source, preset.date)))
    out.say(f"{preset.name}: {preset.help}" + (f" [{source}]" if source else ""))
    if preset.families:
        out.say(f"  for {preset.titles}")
    for name, value in preset.training.items():
        out.say(f"  {name} = {value}")
    for family, values in preset.others.items():
        for name, value in values.items():
            out.say(f"  on {BY_NAME[family].title}: {name} = {value}")
    out.document(document(preset))


def document(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        "help": preset.help,
        "zh": preset.zh,
        "source": preset.source,
        "is_own": preset.is_own,
        "training": dict(preset.training),
        "others": {family: dict(values) for family, values in preset.others.items()},
        "families": list(preset.families),
        "date": preset.date,
        "unknown": dict(preset.unknown),
    }
