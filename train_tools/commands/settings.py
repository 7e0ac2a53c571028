"""`settings show|set|reset|explain`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from train_tools.commands import settings_words
from train_tools.commands.asking import ask_where_due
from train_tools.commands.options import add_common, add_version
from train_tools.commands.output import Output
from train_tools.commands.settings_catalogue import all_entries, checked, find
from train_tools.errors import UsageError
from train_tools.workspace.catalogue import LANGUAGES, Entry, as_text
from train_tools.workspace.settings import parse_assignments, read, update_sections
from train_tools.workspace.settings_file import SECTIONS, Loaded, load
from train_tools.workspace.workspace import Version, Workspace

HELP = "Shows, changes and explains the settings of a version."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    leaf = actions.add_parser("show", help="what is set, and what nobody knows in the file")
    add_version(leaf)
    leaf.add_argument("--all", action="store_true", help="also what has its default")
    add_common(leaf)
    leaf = actions.add_parser("set", help="change settings, all of them or none")
    add_version(leaf)
    leaf.add_argument("assignments", metavar="[SECTION.]NAME=VALUE", nargs="+")
    add_common(leaf)
    leaf = actions.add_parser("reset", help="take settings back to their defaults")
    add_version(leaf)
    leaf.add_argument("names", metavar="[SECTION.]NAME or SECTION", nargs="+")
    add_common(leaf)
    leaf = actions.add_parser("explain", help="what settings there are and what they take")
    leaf.add_argument("names", metavar="[SECTION.]NAME or SECTION", nargs="*")
    leaf.add_argument("--language", choices=LANGUAGES, default="en")
    leaf.add_argument("--markdown", action="store_true", help="as the page docs/settings.md")
    add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    if not getattr(arguments, "markdown", False):
        ask_where_due(out)
    if arguments.action == "explain":
        return explain(arguments, out)
    version = Workspace(arguments.root).version(arguments.project, arguments.version)
    actions = {"show": show, "set": set_settings, "reset": reset}
    return actions[arguments.action](version, arguments, out)


def show(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    loaded = load(version)
    entries = all_entries()
    sections = {name: loaded.data.get(name, {}) for name in SECTIONS}
    unknown = unknown_in(loaded, entries)
    for section, given in sections.items():
        shown = [entry for entry in entries[section] if arguments.all or entry.name in given]
        if shown:
            out.say(f"[{section}]")
        for entry in shown:
            value = as_text(given[entry.name], entry.separator or ",") if entry.name in given else ""
            mark = "" if entry.name in given else "  (default)"
            out.say(f"  {entry.name} = {value if entry.name in given else entry.default}{mark}")
    if not any(sections.values()):
        out.say("nothing is set; everything has its default")
    for name in unknown:
        out.say(f"unknown: {name}; it is kept, and does nothing")
    for note in loaded.notes:
        out.say(f"note: {note}")
    out.document(
        {
            "project": version.project,
            "version": version.name,
            "file": str(version.settings_file),
            "schema": loaded.schema,
            "settings": {
                section: {
                    entry.name: {
                        "value": given.get(entry.name),
                        "is_set": entry.name in given,
                        "default": entry.default,
                    }
                    for entry in entries[section]
                }
                for section, given in sections.items()
            },
            "unknown": unknown,
            "notes": list(loaded.notes),
        }
    )
    return 0


def unknown_in(loaded: Loaded, entries: Mapping[str, list[Entry]]) -> list[str]:
    """Keys and sections of the file that nothing states."""
    unknown = [name for name in loaded.data if name not in (*SECTIONS, "schema")]
    for section, rows in entries.items():
        known = {entry.name for entry in rows}
        unknown += [f"{section}.{name}" for name in loaded.data.get(section, {}) if name not in known]
    return unknown


def set_settings(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    changes: dict[str, dict[str, Any]] = {}
    for name, value in parse_assignments(arguments.assignments).items():
        section, setting = find(name)
        changes.setdefault(section, {})[setting] = value
    known = {section: {entry.name for entry in rows} for section, rows in all_entries().items()}
    for section, values in changes.items():
        kept = {name: value for name, value in read(version)[section].items() if name in known[section]}
        # With what is there already: some values are only allowed together.
        together = checked(section, {**kept, **values})
        changes[section] = {name: together[name] for name in values}
    update_sections(version, changes)
    return tell(changes, out)


def tell(changes: Mapping[str, Mapping[str, Any]], out: Output) -> int:
    for section, values in changes.items():
        for name, value in values.items():
            out.say(f"{section}.{name} = {as_text(value)}")
    out.document({"changed": {section: dict(values) for section, values in changes.items()}})
    return 0


def reset(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    given = read(version)
    changes: dict[str, dict[str, None]] = {}
    for name in arguments.names:
        if name in SECTIONS:
            changes.setdefault(name, {}).update(dict.fromkeys(given[name]))
        else:
            section, setting = find_set(name, given)
            changes.setdefault(section, {})[setting] = None
    update_sections(version, changes)
    reset_names = [f"{section}.{name}" for section, values in changes.items() for name in values]
    out.say(f"back to the default: {', '.join(reset_names) or 'nothing was set'}")
    out.document({"reset": reset_names})
    return 0


def find_set(name: str, given: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Like `find`, and also what only stands in the file."""
    section, _, setting = name.partition(".")
    if setting in given.get(section, {}):
        return section, setting
    return find(name)


def explain(arguments: argparse.Namespace, out: Output) -> int:
    entries = all_entries()
    if arguments.markdown:
        if arguments.names or arguments.json:
            raise UsageError("--markdown is the whole page; leave the names and --json out")
        out.say(settings_words.markdown(entries).rstrip("\n"))
        return 0
    wanted = [entry for rows in entries.values() for entry in rows]
    if arguments.names:
        wanted = [entry for name in arguments.names for entry in named(name, entries)]
    for entry in wanted:
        for line in settings_words.explained(entry, arguments.language):
            out.say(line)
    out.document({"settings": [settings_words.document(entry) for entry in wanted]})
    return 0


def named(name: str, entries: Mapping[str, list[Entry]]) -> list[Entry]:
    if name in entries:
        return entries[name]
    section, dot, _ = name.rpartition(".")
    if dot:
        _, setting = find(name)
        return [entry for entry in entries[section] if entry.name == setting]
    found = [entry for rows in entries.values() for entry in rows if entry.name == name]
    return found or [entry for entry in entries[find(name)[0]] if entry.name == name]
