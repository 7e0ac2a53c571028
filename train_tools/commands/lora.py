"""`lora info|edit|compare|…`: what can be done with LoRA files. Each action is a row of `lora.tools.rows`."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.errors import UsageError
from train_tools.lora.tools.interface import FILE, FOLDER, MODEL, NOTHING, Chosen, Given, Input, Tool, Watch
from train_tools.lora.tools.registry import tool, tools
from train_tools.workspace.catalogue import Entry, entries_of
from train_tools.workspace.fields import build

HELP = "Looks into LoRA files, edits, compares, converts, merges and resizes them; takes models apart."
WEIGHTED = re.compile(r"(.+):([-+]?\d*\.?\d+)$")
OUTPUTS = {
    FILE: "the new file; nothing is overwritten",
    MODEL: "the new model: a file, or a folder where the base model is one; nothing is overwritten",
    FOLDER: "the folder for the new files; nothing is overwritten",
}
EVERY_S = 2.0  # between two lines of progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for one in tools():
        leaf = actions.add_parser(
            one.name, help=one.help, description=f"{one.help[0].upper()}{one.help[1:]}."
        )
        for given in one.inputs:
            _add_input(leaf, given)
        if one.output != NOTHING:
            what = OUTPUTS[one.output]
            leaf.add_argument("--out", type=Path, required=True, metavar=one.output.upper(), help=what)
        for entry in entries_of(one.name, one.settings):
            _add_setting(leaf, entry)
        add_common(leaf)


def _add_input(leaf: argparse.ArgumentParser, given: Input) -> None:
    what = "a LoRA file" if given.role == "lora" else "a base model's file"
    if given.weighted:
        what += ", or FILE:WEIGHT"
    leaf.add_argument(given.name, metavar=given.name.upper(), nargs="+" if given.several else None, help=what)


def _add_setting(leaf: argparse.ArgumentParser, entry: Entry) -> None:
    """Values are checked by `build`, which names what is allowed."""
    flag = f"--{entry.name.replace('_', '-')}"
    says = entry.help.replace("%", "%%")
    if entry.kind == "bool":
        leaf.add_argument(flag, dest=entry.name, action="store_true", default=None, help=says)
        return
    if entry.choices:
        says += f" One of: {', '.join(entry.choices)}."
    if entry.default not in ("", "0", "none"):
        says += f" Default: {entry.default}."
    action = "append" if entry.separator else "store"
    leaf.add_argument(flag, dest=entry.name, action=action, default=None, metavar="VALUE", help=says)


def run(arguments: argparse.Namespace, out: Output) -> int:
    chosen = tool(arguments.action)
    done = chosen.work(_given(chosen, arguments), _settings(chosen, arguments), Watch(Told(out).report))
    for line in (*done.lines, *(f"wrote {path}" for path in done.files), *done.notes):
        out.say(line)
    written = {"files": [str(path) for path in done.files]} if chosen.output != NOTHING else {}
    out.document({**written, **done.document, "notes": list(done.notes)})
    return 0


def _given(chosen: Tool, arguments: argparse.Namespace) -> Given:
    files = {}
    for one in chosen.inputs:
        said = getattr(arguments, one.name)
        files[one.name] = tuple(
            _chosen(text, weighted=one.weighted) for text in (said if one.several else [said])
        )
    return Given(files, getattr(arguments, "out", None))


def _chosen(text: str, *, weighted: bool) -> Chosen:
    """`FILE:WEIGHT`, where no file is called so."""
    path = Path(text).expanduser()
    if weighted and not path.exists() and (found := WEIGHTED.fullmatch(text)):
        return Chosen(Path(found[1]).expanduser(), float(found[2]))
    return Chosen(path)


def _settings(chosen: Tool, arguments: argparse.Namespace) -> Any:
    given = {field.name: getattr(arguments, field.name) for field in fields(chosen.settings)}
    try:
        return build(
            chosen.settings,
            {n: tuple(v) if isinstance(v, list) else v for n, v in given.items() if v is not None},
        )
    except UsageError as error:
        flag = re.sub(r"^setting (\w+)", lambda m: f"--{m[1].replace('_', '-')}", str(error))
        raise UsageError(flag) from error


class Told:
    """A line now and then."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said = time.monotonic()

    def report(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._said >= EVERY_S:
            self._said = now
            self._out.say(f"  {done} of {total}: {what}" if total else f"  {what}")
