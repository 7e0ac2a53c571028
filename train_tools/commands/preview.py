"""`preview PROJECT VERSION`: renders every checkpoint's grid and one sheet across the runs."""

from __future__ import annotations

import argparse
import time

from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.preview.service import preview
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import settings

HELP = "Render an XY grid for each checkpoint and one sheet across the runs."
PROGRESS_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    add_set(parser)
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    changes = settings.parse_assignments(arguments.set)
    chosen = settings.change(version, "preview", PreviewSettings, changes)
    started = said = time.monotonic()

    def report(done: int, of: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done == of or now - said > PROGRESS_S:
            said = now
            left = (now - started) / done * (of - done)
            out.say(f"cells {done}/{of}, {left:.0f} s left")

    result = preview(version, chosen, report)
    out.say(
        f"{result.rendered} cells rendered, {result.kept} kept from before, {time.monotonic() - started:.0f} s"
    )
    for grid in result.grids:
        out.say(f"grid   {grid}")
    out.say(f"sheet  {result.sheet}")
    out.document(
        {
            "sheet": str(result.sheet),
            "grids": [str(grid) for grid in result.grids],
            "rendered": result.rendered,
            "kept": result.kept,
        }
    )
    return 0
