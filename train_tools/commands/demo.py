"""`demo`: the whole job on made-up images, by calling the other commands as a person would."""

from __future__ import annotations

import argparse
import shlex
import tempfile
import time
from pathlib import Path

import psutil

from train_tools import cli
from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.errors import TrainToolsError
from train_tools.planning.setting_text import quoted
from train_tools.small_models import base_model_file, zorb
from train_tools.workspace.workspace import Workspace

HELP = "From images to a preview sheet on the small model that ships; the quickest way to see it all."
PROJECT, VERSION = zorb.PROJECT, zorb.VERSION
DATASET = ("repeats=5", "width=128", "height=128")
# Behind the caption, so that a sentence stays what the small base model knows.
CAPTIONS = ("prefix=", "suffix={concept}")
GRID = (
    "optimizer_type=Lion,AdamW",
    "learning_rate=1e-3,2e-3",
    "network_dim=8",
    "network_alpha=8",
    "train_batch_size=4",
    "max_train_epochs=15",
    "save_every_n_epochs=5",
)
PROMPTS = (
    "a purple cross on a white background, {trigger}",
    "a purple circle on a blue background, {trigger}",
    "a purple cross on a black background, {trigger}",
)
PREVIEW = (f"prompts={' | '.join(PROMPTS)}", "weights=0,0.5,1", "cfg_scale=3")
# What comes behind wins. In three epochs a zorb's colours are learnt, its shape is not.
QUICK_GRID = ("max_train_epochs=3", "save_every_n_epochs=1")
QUICK_PREVIEW = ("weights=0,1", "steps=8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="3 epochs instead of 15 and coarser pictures: all of the way, less of a zorb",
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    started = time.monotonic()
    root: Path = arguments.root
    job = [PROJECT, VERSION]

    def do(title: str, *command: str, may: int = 0) -> None:
        """Runs a command; `may` is an exit code beside 0 that is expected here."""
        out.say(f"\n== {title}\n$ python -m train_tools {shlex.join(command)}")
        code = cli.main([*command, "--root", str(root)])
        if code not in (0, may):
            raise TrainToolsError(f"the demo stopped: `{command[0]}` ended with {code}; see above")

    workspace = Workspace(root)
    if PROJECT not in [project.name for project in workspace.projects()]:
        do("A project is a LoRA's name", "project", "create", PROJECT)
    if VERSION not in [version.name for version in workspace.versions(PROJECT)]:
        do("A version has its own data and settings", "version", "create", *job)
    with tempfile.TemporaryDirectory() as folder:
        paths = zorb.write_images(Path(folder))
        # One of the images is corrupt on purpose: told by name, and nothing else is lost.
        do("Images as people have them", "dataset", "add", *job, *map(str, paths), may=1)
    do("Upright, opaque, scaled, in a repeats folder", "dataset", "process", *job, *_set(DATASET))
    do("A caption for each", "dataset", "caption", *job, *_set(CAPTIONS))
    quick: bool = arguments.quick
    grid = (base(), *GRID, *(QUICK_GRID if quick else ()))
    do("What a grid would cost", "plan", *job, *_set(grid))
    do("All runs of the grid at once", "train", *job, *_set(grid))
    do(
        "Every checkpoint beside the others",
        "preview",
        *job,
        *_set((*PREVIEW, *(QUICK_PREVIEW if quick else ()))),
    )
    out.say(
        f"\nDone in {time.monotonic() - started:.0f} s; peak memory of this process {_peak_gib():.2f} GiB."
    )
    out.document({"root": str(root), "project": PROJECT, "version": VERSION})
    return 0


def base() -> str:
    """The model that ships, whatever a webui has loaded."""
    path = str(base_model_file())
    return f"pretrained_model_name_or_path={quoted(path) if ',' in path else path}"


def _set(assignments: tuple[str, ...]) -> list[str]:
    return [word for assignment in assignments for word in ("--set", assignment)]


def _peak_gib() -> float:
    memory = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", None)  # Windows
    if peak is None:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return float(peak) / 2**30
