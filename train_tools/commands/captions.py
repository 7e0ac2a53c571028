"""`captions show|count|find|add|…|undo|redo|history|check PROJECT VERSION …`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from train_tools.captioning.activation import activation_tag
from train_tools.commands import caption_checks
from train_tools.commands.caption_options import add_filter, add_own, described, filter_of
from train_tools.commands.options import add_common, add_version
from train_tools.commands.output import Output, table
from train_tools.errors import UsageError
from train_tools.planning.caption_checks import reading_of
from train_tools.tags import edits, journal
from train_tools.tags.edits import Edit
from train_tools.tags.journal import Change
from train_tools.tags.separators import repaired
from train_tools.tags.service import (
    StepReport,
    apply_edit,
    captions,
    comparable_counts,
    preview,
    redo,
    tag_counts,
    undo,
)
from train_tools.tags.synonyms import parse_pairs, read_pairs
from train_tools.tags.tokens import LIMITS, count, limit_of
from train_tools.workspace.workspace import Version, Workspace

HELP = "Shows, counts, edits and checks the captions of a version's training images."
READING = {
    "show": "each image with its caption and its length in CLIP tokens",
    "find": "the names of the images whose captions are meant",
    "count": "in how many captions each tag stands",
}
EDITING = {
    "add": "put tags first, or last with --back, where they are missing",
    "remove": "take tags out",
    "replace": "put other tags in the place of tags",
    "regex": "replace by a regular expression, in the text or with --tags in each tag",
    "sort": "order the tags, the first ones aside",
    "dedupe": "of equal tags keep the first",
    "merge": "make one of tags that mean the same",
    "first": "move the activation tag to the start",
    "set": "give the captions that are meant this text",
    "fix": "put commas where lines, full-width commas, semicolons … divide tags, of which training reads one",
}
HISTORY = {
    "undo": "take the latest change back",
    "redo": "make the change again that was undone last",
    "history": "the changes that can be undone and redone",
}
CHECK = "what to know about images and captions before training"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for action, words in {**READING, **EDITING, **HISTORY, "check": CHECK}.items():
        leaf = actions.add_parser(action, help=words)
        add_version(leaf)
        add_own(leaf, action)
        if action in READING or action in EDITING:
            add_filter(leaf)
        if action in EDITING:
            leaf.add_argument(
                "--dry-run", action="store_true", help="show what would change, and change nothing"
            )
        add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = Workspace(arguments.root).version(arguments.project, arguments.version)
    if said := journal.settle(version):
        complain([("captions", said)])
    others: dict[str, Callable[[Version, argparse.Namespace, Output], int]] = {
        "show": run_show,
        "find": run_find,
        "count": run_count,
        "undo": run_undo,
        "redo": run_redo,
        "history": run_history,
        "check": run_check,
    }
    return others.get(arguments.action, run_edit)(version, arguments, out)


def run_show(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    files = captions(version, filter_of(arguments))
    complain((file.name, file.problem) for file in files if file.problem)
    rows = [
        {
            "image": file.image.path.name,
            "concept": file.image.concept,
            "caption": file.text,
            "tags": file.caption.tags,
            "tokens": count(file.text or ""),
        }
        for file in files
    ]
    for row, file in zip(rows, files, strict=True):
        none = "(can't be read)" if file.problem else "(no caption file)"
        out.say(f"{row['image']}  [{row['tokens']}]  {none if file.text is None else shown(file.text)}")
    out.document({"captions": rows})
    return 1 if any(file.problem for file in files) else 0


def run_find(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    wanted = filter_of(arguments)
    if wanted.is_everything:
        raise UsageError("say what to find, e.g. `--tag TAG` or `--text TEXT`; `captions show` shows all")
    names = [file.image.path.name for file in captions(version, wanted)]
    for name in names:
        out.say(name)
    out.document({"images": names})
    return 0


def run_count(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    files = captions(version, filter_of(arguments))
    complain((file.name, file.problem) for file in files if file.problem)
    counts = tag_counts(files, first_lines=not reading_of(version).takes_lines).most_common(arguments.top)
    if counts:
        out.say(table([["tag", "captions"], *([tag, str(n)] for tag, n in counts)], frozenset([1])))
    limits = Counter(limit_of(file.text or "") for file in files)
    lengths = {str(limit or "longer"): limits[limit] for limit in (*LIMITS, None)}
    out.say(
        "CLIP tokens: " + ", ".join(f"{f'up to {k}' if k.isdigit() else k}: {n}" for k, n in lengths.items())
    )
    out.document({"images": len(files), "tags": dict(counts), "lengths": lengths})
    return 0


def run_edit(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    wanted = filter_of(arguments)
    if arguments.action == "set" and wanted.is_everything:
        raise UsageError("say which captions, e.g. `--image NAME`; for every image: `--image '*'`")
    edit = edit_of(version, arguments)
    if arguments.dry_run:
        report = preview(version, edit, wanted)
    else:
        report = apply_edit(version, described(arguments), edit, wanted)
    complain(report.skipped)
    for change in report.changes:
        say_change(change, out)
    verb = "would change" if arguments.dry_run else "changed"
    out.say(f"{len(report.changes)} caption(s) {verb}")
    out.document({"dry_run": arguments.dry_run, **asdict(report)})
    return 1 if report.skipped else 0


def edit_of(version: Version, arguments: argparse.Namespace) -> Edit:
    """Raises UsageError where the arguments name no tag or no regular expression."""
    makers: dict[str, Callable[[], Edit]] = {
        "add": lambda: edits.add(arguments.tags, back=arguments.back),
        "remove": lambda: edits.remove(arguments.tags),
        "replace": lambda: edits.replace(arguments.old, arguments.new),
        "regex": lambda: edits.regex(arguments.pattern, arguments.replacement, tags_only=arguments.each_tag),
        "sort": lambda: sort_of(version, arguments),
        "dedupe": edits.dedupe,
        "merge": lambda: merge_of(arguments),
        "first": lambda: first_of(version, arguments),
        "set": lambda: edits.set_text(arguments.new_text),
        "fix": lambda: fix_of(version, arguments.only),
    }
    return makers[arguments.action]()


def sort_of(version: Version, arguments: argparse.Namespace) -> Edit:
    if arguments.keep < 0:
        raise UsageError(f"--keep {arguments.keep} must be 0 or more")
    counts = comparable_counts(captions(version)) if arguments.by == "frequency" else None
    return edits.sort(counts, arguments.keep)


def merge_of(arguments: argparse.Namespace) -> Edit:
    pairs = [*(read_pairs(arguments.file) if arguments.file else []), *arguments.pairs]
    if not pairs:
        raise UsageError("say what to merge, as `OLD=NEW` or with `--file FILE`")
    return edits.merge(parse_pairs(pairs))


def first_of(version: Version, arguments: argparse.Namespace) -> Edit:
    tag = arguments.tag_first or activation_tag(version)
    if not tag:
        raise UsageError("captioning's prefix is empty, so no tag is the activation tag; name one")
    return edits.first(tag, insert=arguments.add)


def fix_of(version: Version, only: str) -> Edit:
    """Lines stay where training draws one of them, unless they are asked for."""
    lines = only == "lines" or (not only and not reading_of(version).takes_lines)
    return repaired(lines=lines, separators=only != "lines")


def run_undo(version: Version, _: argparse.Namespace, out: Output) -> int:
    return say_step("undone", undo(version), out)


def run_redo(version: Version, _: argparse.Namespace, out: Output) -> int:
    return say_step("redone", redo(version), out)


def say_step(verb: str, report: StepReport, out: Output) -> int:
    complain((name, f"left as it is: {reason}") for name, reason in report.kept)
    out.say(f"{verb}: {report.entry.what} ({len(report.changes)} caption(s))")
    out.document({verb: asdict(report)})
    return 0


def run_history(version: Version, _: argparse.Namespace, out: Output) -> int:
    state = journal.read_state(version)
    for entry in state.done:
        out.say(f"{entry.time}  {entry.files} caption(s)  {entry.what}")
    for entry in reversed(state.undone):
        out.say(f"{entry.time}  {entry.files} caption(s)  {entry.what}  (undone)")
    if not (state.done or state.undone):
        out.say("no change yet")
    out.document({"done": [asdict(e) for e in state.done], "undone": [asdict(e) for e in state.undone]})
    return 0


def run_check(version: Version, _: argparse.Namespace, out: Output) -> int:
    return caption_checks.run(version, out)


def say_change(change: Change, out: Output) -> None:
    out.say(change.name)
    out.say(f"  - {'(no caption file)' if change.before is None else shown(change.before)}")
    out.say(f"  + {shown(change.after or '')}")


def shown(text: str) -> str:
    """On one line."""
    return " ⏎ ".join(text.strip().splitlines())


def complain(problems: Iterable[tuple[str, Any]]) -> None:
    for name, reason in problems:
        print(f"train_tools: {name}: {reason}", file=sys.stderr)
