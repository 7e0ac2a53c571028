"""`arguments list|show|parse|import`: what can be set for a training, and settings from elsewhere."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.config_file import check
from train_tools.arguments.current import argument_named, current
from train_tools.commands.asking import ask_where_due
from train_tools.commands.changes import add_pasted, say_overridden
from train_tools.commands.options import add_common
from train_tools.commands.output import Output, table
from train_tools.errors import UsageError
from train_tools.families.interface import Family
from train_tools.families.registry import BY_NAME, USUAL, family_named, family_of_script
from train_tools.planning import page
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.read import import_settings
from train_tools.planning.pasted import Pasted, parse_what_is_right
from train_tools.planning.text_files import read_text
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace

HELP = "Lists and explains what can be set for a training, and reads it from text and other programs' files."
LANGUAGES = ("en", "zh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("list", help="all arguments of sd-scripts' LoRA trainers")
    leaf.add_argument("--importance", choices=("beginner", "usual", "expert"), default="")
    leaf.add_argument("--language", choices=LANGUAGES, default="en")
    leaf.add_argument("--markdown", action="store_true", help="as the page docs/arguments.md")
    _add_family(leaf)
    add_common(leaf)
    leaf = actions.add_parser("show", help="everything that is known of one argument")
    leaf.add_argument("name", metavar="NAME")
    leaf.add_argument("--language", choices=LANGUAGES, default="en")
    add_common(leaf)
    leaf = actions.add_parser("parse", help="read arguments as people paste them; changes nothing")
    leaf.add_argument("file", type=Path, nargs="?", help="a file that holds them, - for standard input")
    add_pasted(leaf)
    _add_family(leaf)
    _add_version(leaf, "show what they override in this version's settings")
    add_common(leaf)
    leaf = actions.add_parser(
        "import",
        help="settings of sd-scripts and of other trainers, of a command line, or of a finished LoRA",
    )
    leaf.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="JSON, TOML or YAML of sd-scripts, kohya_ss, SD-Trainer, LoRA_Easy_Training_Scripts, OneTrainer, "
        "ai-toolkit or AnimaLoraStudio, a script, or a LoRA (.safetensors)",
    )
    leaf.add_argument(
        "project", metavar="PROJECT", nargs="?", help="where to keep them; else they are only shown"
    )
    leaf.add_argument("version", metavar="VERSION", nargs="?")
    _add_family(leaf)
    add_common(leaf)


def _add_family(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--family", default="", metavar="NAME", help=f"kind of base model: {', '.join(BY_NAME)}"
    )


def _add_version(parser: argparse.ArgumentParser, help_text: str) -> None:
    parser.add_argument("--version", nargs=2, metavar=("PROJECT", "VERSION"), dest="place", help=help_text)


def run(arguments: argparse.Namespace, out: Output) -> int:
    actions = {"list": list_arguments, "show": show, "parse": parse, "import": import_file}
    if not getattr(arguments, "markdown", False):  # that page is the same everywhere
        ask_where_due(out)
    return actions[arguments.action](arguments, out)


def list_arguments(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.markdown:
        sys.stdout.buffer.write(page.markdown().encode("utf-8"))
        return 0
    family = family_named(arguments.family).name if arguments.family else ""
    rows = page.matching(family, arguments.importance)
    lines = [[row.name, page.default_text(row), row.words.help_in(arguments.language)] for row in rows]
    out.say(table([["argument", "default", "help"], *lines]))
    out.document({"arguments": [document(row) for row in rows]})
    return 0


def show(arguments: argparse.Namespace, out: Output) -> int:
    row = current().arguments.get(arguments.name) or argument_named(arguments.name)
    out.say(f"{row.name} ({row.words.label_in(arguments.language)}): {row.words.help_in(arguments.language)}")
    out.say(f"takes {row.allowed}; default {page.default_text(row)}")
    families = ", ".join(row.families) or "all"
    out.say(f"families: {families}; {row.importance}; {'may' if row.is_axis else 'may not'} be an axis")
    for note in page.notes(row):
        out.say(f"- {note}")
    out.document(document(row))
    return 0


def parse(arguments: argparse.Namespace, out: Output) -> int:
    pasted = parse_what_is_right(_pasted_text(arguments))
    family = _family(arguments.family, pasted)
    given: dict[str, Any] = {}
    if arguments.place:
        given = settings.read(Workspace(arguments.root).version(*arguments.place))["training"]
    for name, value in pasted.settings.items():
        out.say(f"{name} = {value}")
    say_overridden(pasted, given, out)
    problems = check(pasted.values, family, is_whole=False)
    for problem in problems:
        out.say(f"{'error' if problem.is_fatal else 'warning'}: {problem.sentence}")
    out.document(
        {
            "family": family.name,
            "values": dict(pasted.values),
            "settings": pasted.settings,
            "overridden": {name: {"old": o, "new": n} for name, (o, n) in pasted.overridden(given).items()},
            "left_out": dict(pasted.left_out),
            "problems": [asdict(problem) for problem in problems],
        }
    )
    return 0


def import_file(arguments: argparse.Namespace, out: Output) -> int:
    version = _version(arguments)
    imported = import_settings(arguments.file, arguments.family)
    _say_imported(imported, out)
    if version:
        settings.update(version, "training", imported.changes())
        out.say(f"\nkept in the settings of {version.project} {version.name}; `plan` shows what they make")
    out.document({**asdict(imported), "kept_in": str(version.settings_file) if version else None})
    return 0


def document(row: Argument) -> dict[str, Any]:
    """A row as data, with what follows from it."""
    facts = {name: value for name, value in asdict(row).items() if name != "reads"}
    words = {"labels": row.words.labels, "helps": row.words.helps, "is_hearsay": row.words.is_hearsay}
    return {**facts, **words, "allowed": row.allowed, "is_axis": row.is_axis}


def _say_imported(imported: Imported, out: Output) -> None:
    guess = " (a guess: nothing in it says which; --family does)" if imported.is_guess else ""
    out.say(f"{imported.source}, for {BY_NAME[imported.family].title}{guess}")
    rows = [["argument", "value", "from"]]
    for name, value in imported.settings.items():
        rows.append([name, str(value), imported.mapped.get(name) or f"{imported.program}'s default"])
    out.say(table(rows))
    for left in imported.left_out:
        value = "" if left.value is None else f" = {left.value}"
        out.say(f"left out: {left.key}{value}: {left.reason}")
    for open_one in imported.not_said:
        out.say(f"not said: {open_one.key}: {open_one.reason}")


def _pasted_text(arguments: argparse.Namespace) -> str:
    if arguments.file is None and not arguments.arguments.strip():
        raise UsageError("there is nothing to read; give a file, - for standard input, or --arguments='…'")
    if arguments.file is None:
        return str(arguments.arguments)
    if str(arguments.file) == "-":
        return sys.stdin.read()
    if not arguments.file.is_file():
        raise UsageError(f"there is no file {arguments.file}; a text is given as --arguments='…'")
    return read_text(arguments.file)


def _family(name: str, pasted: Pasted) -> Family:
    """As asked for, else that of the script that the text calls."""
    return family_named(name) if name else family_of_script(pasted.script, pasted.values) or USUAL


def _version(arguments: argparse.Namespace) -> Version | None:
    if not arguments.project:
        return None
    if not arguments.version:
        raise UsageError(f"import into which version of {arguments.project}? give PROJECT VERSION")
    return Workspace(arguments.root).version(arguments.project, arguments.version)
