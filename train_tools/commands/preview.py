"""`preview [plan|delete|prompts] PROJECT VERSION`: renders every checkpoint's grid and sheets over the runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.hosts.bridge_client import renderer_of
from train_tools.preview import prompts, removal
from train_tools.preview.service import DrawnBase, PreviewResult, Progress, check, drawn_bases, preview
from train_tools.preview.settings import PreviewSettings
from train_tools.preview.ways import by_family
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

HELP = "Renders an XY grid for each checkpoint, and sheets over the runs."
RENDER, PLAN, DELETE, PROMPTS = ACTIONS = ("render", "plan", "delete", "prompts")
PROGRESS_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default=RENDER,
        help="render (default); plan: count cells; delete: a run's previews, to the trash; prompts: saved sets",
    )
    add_version(parser)
    parser.add_argument(
        "--run",
        action="append",
        default=[],
        metavar="NAME",
        help="only this run's, * stands for anything; may be given several times",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="render what is there once more; the old pictures go to the trash",
    )
    parser.add_argument("--save", metavar="NAME", help="with `prompts`: save the version's prompts as a set")
    add_set(parser)
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    if arguments.action == DELETE:
        return _delete(version, arguments.run, out)
    if arguments.action == PROMPTS:
        return _prompts(version, arguments, out)
    changes = settings.parse_assignments(arguments.set)
    change = settings.preview_change if arguments.action == PLAN else settings.change
    chosen = change(version, "preview", PreviewSettings, changes)
    if arguments.run:
        chosen = replace(chosen, runs=tuple(arguments.run))
    if arguments.action == PLAN:
        return _plan(version, chosen, out)
    return _render(version, chosen, out, again=arguments.again)


def _render(version: Version, chosen: PreviewSettings, out: Output, *, again: bool) -> int:
    started = said = time.monotonic()

    def report(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if progress.note:
            out.say(progress.note)
            return
        if progress.error:
            out.say(f"failed: {progress.text}: {progress.error}")
        if progress.done == progress.total or now - said > PROGRESS_S:
            said = now
            left = (now - started) / progress.done * (progress.total - progress.done)
            out.say(f"cells {progress.done}/{progress.total}, {left:.0f} s left")

    root = version.root
    result = preview(
        version, chosen, report, bridge=renderer_of(root), again=again, connect=lambda: renderer_of(root)
    )
    for note in (*(one.sentence for one in result.drawn), *result.notes):
        out.say(note)
    out.say(
        f"{result.rendered} cells rendered, {result.kept} kept from before, {len(result.failed)} errors, "
        f"{time.monotonic() - started:.0f} s"
    )
    for grid in result.grids:
        out.say(f"grid   {grid}")
    for sheet in result.sheets:
        out.say(f"sheet  {sheet}")
    for sentence in result.failed:
        out.say(f"error  {sentence}")
    out.document(document_of(result))
    return 1 if result.failed else 0


def document_of(result: PreviewResult) -> dict[str, Any]:
    return {
        "sheet": str(result.sheet) if result.sheet else None,
        "sheets": [str(sheet) for sheet in result.sheets],
        "grids": [str(grid) for grid in result.grids],
        "rendered": result.rendered,
        "kept": result.kept,
        "failed": result.failed,
        "notes": list(result.notes),
        "renderer": result.renderer,
        "drawn": drawn_document(result.drawn),
    }


def drawn_document(drawn: Sequence[DrawnBase]) -> list[dict[str, str]]:
    return [{**asdict(one), "base_model": str(one.base_model)} for one in drawn]


def _plan(version: Version, chosen: PreviewSettings, out: Output) -> int:
    plan = check(version, chosen, renderer_of(version.root))
    pictures = {cell.path for cell in plan.cells}
    missing = sum(not path.is_file() for path in pictures)
    drawn = drawn_bases(plan)
    unset = by_family(chosen, (cell.recipe for cell in plan.cells))
    as_family = ", ".join(f"{name} {value}" for name, value in unset.items() if value)
    for note in (*(one.sentence for one in drawn), *plan.notes):
        out.say(note)
    if as_family:
        out.say(f"as the base model's family: {as_family}")
    out.say(
        f"{len(plan.rows)} checkpoints, {len(plan.cells)} cells, {len(pictures)} pictures, {missing} to be rendered"
    )
    out.document({
        "checkpoints": len(plan.rows), "cells": len(plan.cells), "pictures": len(pictures), "missing": missing,
        "notes": list(plan.notes), "drawn": drawn_document(drawn), "by_family": unset,
    })  # fmt: skip
    return 0


def _delete(version: Version, runs: list[str], out: Output) -> int:
    removed = removal.delete(version, runs)
    out.say(f"{removed.pictures} cells of {len(removed.runs)} run(s) moved to the trash")
    out.document({
        "runs": list(removed.runs), "pictures": removed.pictures, "trash": [str(place) for place in removed.places],
    })  # fmt: skip
    return 0


def _prompts(version: Version, arguments: argparse.Namespace, out: Output) -> int:
    """Lists the saved sets, after it has saved one where that was asked for."""
    if arguments.save:
        changes = settings.parse_assignments(arguments.set)
        chosen = settings.preview_change(version, "preview", PreviewSettings, changes)
        out.say(f"saved {prompts.save_list(version, arguments.save, chosen.prompts)}")
    sets = {name: prompts.read_list(version, name) for name in prompts.names_of_lists(version)}
    for name, lines in sets.items():
        out.say(f"{name}: {len(lines)} prompts")
        for line in lines:
            out.say(f"  {line}")
    out.document({"folder": str(prompts.prompts_folder(version)), "sets": sets})
    return 0
