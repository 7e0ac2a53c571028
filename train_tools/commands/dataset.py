"""`dataset add|process|caption|show PROJECT VERSION …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.captioning.service import caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.commands.options import add_common, add_set, add_version
from train_tools.commands.output import Output, table
from train_tools.dataset.census import Census, take_census
from train_tools.dataset.intake import ADDED, FAILED, IGNORED, THERE, add, shown
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress, Report
from train_tools.dataset.settings import DatasetSettings
from train_tools.workspace.settings import change, parse_assignments, preview_change
from train_tools.workspace.workspace import Version, Workspace

HELP = "Adds images to a version, processes and captions them, shows what is there."
ACTIONS = {
    "add": "copy images and folders of images into the version",
    "process": "make the training images from the originals, as a new revision",
    "caption": "write a caption for each training image",
    "show": "count images, repeats, captions and sizes",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for action, help_text in ACTIONS.items():
        leaf = actions.add_parser(action, help=help_text)
        add_version(leaf)
        if action == "add":
            leaf.add_argument("paths", metavar="PATH", nargs="+", type=Path)
        add_set(leaf)
        add_common(leaf)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = Workspace(arguments.root).version(arguments.project, arguments.version)
    actions = {"add": run_add, "process": run_process, "caption": run_caption, "show": run_show}
    return actions[arguments.action](version, arguments, out)


def run_add(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    report = add(version, arguments.paths, say_progress(out))
    groups = {outcome: report.of(outcome) for outcome in (ADDED, THERE, IGNORED, FAILED)}
    for item in groups[IGNORED]:
        out.say(f"ignored {item.source}: {item.reason}")
    complain((item.source, item.reason) for item in groups[FAILED])
    out.say(", ".join(f"{len(items)} {outcome}" for outcome, items in groups.items()))
    if not any(groups[outcome] for outcome in (ADDED, THERE, FAILED)):
        complain([(", ".join(map(shown, arguments.paths)), "there is no image to add")])
    out.document(
        {outcome.replace(" ", "_"): [asdict(item) for item in items] for outcome, items in groups.items()}
    )
    return 0 if not groups[FAILED] and (groups[ADDED] or groups[THERE]) else 1


def run_process(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    settings = change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    report = process(version, settings, say_progress(out))
    complain((problem.name, problem.reason) for problem in report.failed)
    out.say(
        f"revision {report.revision}: {report.images} images of {report.originals} originals "
        f"in {report.folder}"
    )
    if report.captions_kept:
        out.say(f"{report.captions_kept} captions of the previous revision were carried over")
    out.document(plain(asdict(report)))
    return 1 if report.failed else 0


def run_caption(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    assignments = parse_assignments(arguments.set)
    settings = preview_change(version, "captioning", CaptioningSettings, assignments)
    report = caption(version, settings, say_progress(out))
    change(version, "captioning", CaptioningSettings, assignments)  # a refused captioning changes no setting
    complain((failure.name, failure.reason) for failure in report.failed)
    out.say(f"{len(report.written)} captions written, {report.kept} kept, {len(report.failed)} failed")
    if report.saved:
        out.say(f"the captions before are in {report.saved}")
    out.document(plain(asdict(report)))
    return 1 if report.failed else 0


def run_show(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    settings = preview_change(version, "dataset", DatasetSettings, parse_assignments(arguments.set))
    census = take_census(version)
    for line in census_lines(census, settings):
        out.say(line)
    document = {"project": version.project, "version": version.name, "folder": str(version.folder)}
    out.document({**document, "settings": asdict(settings), **asdict(census)})
    return 0


def census_lines(census: Census, settings: DatasetSettings) -> list[str]:
    lines = [f"originals: {census.originals} ({megabytes(census.original_bytes)})"]
    if census.images:
        revision = f"revision {census.revision}" if census.revision else "made by another program"
        lines.append(f"processed: {census.images} images ({megabytes(census.image_bytes)}), {revision}")
        heading = ["folder", "repeats", "images", "captioned", "missing", "empty"]
        rows = [
            [c.folder, *map(str, (c.repeats, c.images, c.captioned, c.missing_captions, c.empty_captions))]
            for c in census.concepts
        ]
        lines.append(table([heading, *rows], frozenset(range(1, 6))))
        lines.append(f"images in an epoch: {census.images_per_epoch}")
        lines.append(f"sizes: {', '.join(f'{size} ({count})' for size, count in census.sizes.items())}")
    else:
        lines.append("processed: nothing yet")
    lines += [f"unreadable: {name}" for name in census.unreadable]
    lines.append(f"earlier revisions: {census.earlier_revisions}")
    lines.append(f"settings: {', '.join(f'{name}={value}' for name, value in asdict(settings).items())}")
    return lines


def say_progress(out: Output) -> Report:
    def report(progress: Progress) -> None:
        out.say(f"[{progress.done}/{progress.total}] {progress.name}: {progress.text}")

    return report


def complain(problems: Iterable[tuple[str, str]]) -> None:
    """What went wrong, a line each, on standard error."""
    for name, reason in problems:
        print(f"train_tools: {name}: {reason}", file=sys.stderr)


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def plain(value: Any) -> Any:
    """Paths as text, so that JSON can hold them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
