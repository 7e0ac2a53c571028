"""How long a grid of runs takes, from the first process's start to the last one's end, by three ways to train it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.base_model.convert import convert, write_checkpoint
from train_tools.errors import UsageError
from train_tools.execution.run_record import write_record
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.small_models import base_model_file
from train_tools.workspace import toml
from train_tools.workspace.run_folder import RunRecord

OPTIMIZERS = ("Lion", "AdamW")
SIDE = 64  # of a picture, in pixels
EPOCHS = 3
IN_WORKSPACE = "train_tools/projects/grid/versions/v1/trains"
OURS, THEIRS = "train_tools.engines.packed", "train_tools.engines.sd_scripts"
IN_ONE_PROCESS = (
    f"import sys; from {OURS}.__main__ import main; sys.exit(max([main([one]) for one in sys.argv[1:]]))"
)


@dataclass(frozen=True)
class Took:
    """Seconds: `whole` of all processes, `first` until the first step is done, `processor` of all cores."""

    whole: float
    first: float
    processor: float


@dataclass(frozen=True)
class Grid:
    """`runs` runs of `steps` steps each on one dataset, in `folder`: optimizers times learning rates."""

    folder: Path
    base_model: Path
    batch_size: int
    steps: int
    runs: int

    def dataset(self) -> Path:
        data = self.folder / "data"
        inside = data / f"{-(-self.steps // EPOCHS)}_zorb"
        inside.mkdir(parents=True)
        for number in range(self.batch_size):
            image = Image.effect_noise((SIDE, SIDE), 64).convert("RGB")
            image.save(inside / f"{number}.png")
            (inside / f"{number}.txt").write_text(f"zorb, picture {number}", encoding="utf-8")
        return data

    def run_folders(self, way: str) -> list[Path]:
        made = []
        for number in range(self.runs):
            optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
            folder = self.folder / way / IN_WORKSPACE / f"run{number}"
            folder.mkdir(parents=True)
            arguments = {
                "pretrained_model_name_or_path": str(self.base_model), "train_data_dir": str(self.folder / "data"),
                "output_name": f"run{number}", "caption_extension": ".txt", "resolution": f"{SIDE},{SIDE}",
                "network_module": "networks.lora", "network_dim": 8, "network_alpha": 8, "seed": number + 1,
                "optimizer_type": optimizer, "learning_rate": (1 + number // len(OPTIMIZERS)) * 1e-4,
                "train_batch_size": self.batch_size, "max_train_epochs": EPOCHS, "mixed_precision": "no",
                "save_model_as": "safetensors", "save_precision": "float", "cache_latents": True,
                "max_data_loader_n_workers": 0,
            }  # fmt: skip
            (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
            record = RunRecord(
                f"{way}-{number}", f"{way}{number}", "queued", way, self.steps, f"run{number}", ""
            )
            write_record(folder, record)  # as the queue does
            made.append(folder)
        return made

    def ways(self, checkout: Path | None) -> dict[str, Callable[[], Took]]:
        """By what they are called in the table; the first is what the others are measured against."""
        first: dict[str, Callable[[], Took]] = (
            {"sd-scripts, one after another": lambda: self._each(THEIRS, checkout)}
            if checkout
            else {"fresh processes, one after another": lambda: self._each(OURS, None)}
        )
        return {
            **first,
            "one after another in one process": lambda: self._at_once("one", ["-c", IN_ONE_PROCESS]),
            "packed": lambda: self._at_once("packed", ["-m", OURS]),
        }

    def alone(self) -> Took:
        """One run, for what its start takes."""
        return _timed(["-m", OURS], self.run_folders("alone")[:1], None)

    def _each(self, module: str, checkout: Path | None) -> Took:
        took = [_timed(["-m", module], [folder], checkout) for folder in self.run_folders("each")]
        return Took(sum(one.whole for one in took), took[0].first, sum(one.processor for one in took))

    def _at_once(self, way: str, command: Sequence[str]) -> Took:
        return _timed(command, self.run_folders(way), None)


def _timed(command: Sequence[str], folders: Sequence[Path], checkout: Path | None) -> Took:
    """Raises UsageError with the process's own words where a run doesn't finish."""
    more = {"TRAIN_TOOLS_SD_SCRIPTS": str(checkout)} if checkout else {}
    here = {**os.environ, "GOMP_SPINCOUNT": "10000", "TRAIN_TOOLS_ENV": "current", **more}
    before, began, at = _processor(), time.monotonic(), time.time()
    # An engine ends when its standard input does.
    with subprocess.Popen(
        [sys.executable, *command, *map(str, folders)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=here,
    ) as process:  # fmt: skip
        assert process.stdout
        said = process.stdout.read()
    if process.returncode:
        raise UsageError(f"a run didn't finish: {said[-2000:]}")
    steps = [event["time"] for event in _events(folders[0]) if event["event"] == "step"]
    return Took(time.monotonic() - began, steps[0] - at, _processor() - before)


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def _processor() -> float:
    """Of all processes that have ended; on a busy machine it says more than the clock. 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def base_model(family: str, folder: Path, checkout: Path | None) -> Path:
    """The small one, as a folder where sd-scripts reads it, or a narrow one of another family."""
    if family == "sd1":
        if checkout is None:
            return base_model_file()
        convert(base_model_file(), folder / "small")
        return folder / "small"
    path = folder / f"{family}.safetensors"
    write_checkpoint(narrow.build(KINDS[family]), path)
    return path


def narrowed(real: Path, folder: Path) -> Path:
    """sd-scripts for models as narrow as these; the tests know how."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from engines.sd_scripts.narrow import narrow_checkout

    made: Path = narrow_checkout(real.absolute(), folder)
    return made
