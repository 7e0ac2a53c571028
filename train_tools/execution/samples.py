"""Pictures that an engine drew while it trained (`sample_prompts`), in the order of training."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from train_tools.workspace.workspace import names_in

FOLDER = "sample"
MOST = 400
# As sd-scripts names them: <output name>_e<epoch>_<prompt>_<time>[_<seed>].png, or the step in the epoch's place.
NAME = re.compile(r".*_(e?)(\d{6,})_(\d{2,})_\d{14}(?:_\d+)?\.png", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Sample:
    """`file` is below the run's folder, `prompt` counted from 0. Of `epoch` and `step` one is known, the other 0."""

    file: str
    prompt: int
    epoch: int
    step: int


def samples_of(folder: Path) -> list[Sample]:
    """The newest MOST of them; of the same prompt at the same time, as after an interruption, the last."""
    found: dict[tuple[int, int, int], Sample] = {}
    for name in sorted(names_in(folder / FOLDER)):
        if match := NAME.fullmatch(name):
            epoch, step = (int(match[2]), 0) if match[1] else (0, int(match[2]))
            prompt = int(match[3])
            found[epoch, step, prompt] = Sample(f"{FOLDER}/{name}", prompt, epoch, step)
    return [found[key] for key in sorted(found)][-MOST:]
