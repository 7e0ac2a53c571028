"""From where a run goes on: what an earlier process of sd-scripts left in `<run>/state/`.

`out/` holds what sd-scripts writes, `place.json` the steps that were done before its process began, by which its own
counting is put right, and what its states were trained with.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.engines.events import EventLog
from train_tools.engines.sd_scripts import states
from train_tools.engines.sd_scripts.checkpoints import Gallery
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json

OUTPUT, PLACE = "out", "place.json"


@dataclass(frozen=True)
class Start:
    """`before` steps are done; `state`, a folder in `out/`, is what sd-scripts goes on from."""

    before: int = 0
    state: str = ""


@dataclass(frozen=True)
class Run:
    """What decides whether a state fits: `steps` and `epochs` of the whole run, `identity` of its settings and images.

    `every_steps` is save_every_n_steps, 0 where it is off.
    """

    folder: Path
    work: Path
    steps: int
    epochs: int
    identity: Sequence[str]
    every_steps: int = 0

    def prepare(self, log: EventLog) -> Start:
        """Hands on the checkpoints that an earlier process left, and makes everything ready for the next."""
        output = self.work / OUTPUT
        output.mkdir(parents=True, exist_ok=True)
        said = _read(self.work / PLACE)
        earlier = Gallery(output, self.folder, int(said.get("before", 0)))
        earlier.hand_on(at_rest=True)
        earlier.clear()
        start = self._start(output, said, log)
        states.remove_others(output, output / start.state if start.state else None)
        write_json(self.work / PLACE, {"identity": list(self.identity), "before": start.before})
        if start.state:
            log.write("resumed", epoch=start.before * self.epochs // self.steps, step=start.before)
        return start

    def last(self) -> tuple[int, int]:
        """Epoch and step of the last whole state."""
        found = states.last_state(self.work / OUTPUT, self.epochs)
        epoch = found[1] if found else 0
        return epoch, self.steps // self.epochs * epoch

    def _start(self, output: Path, said: dict[str, Any], log: EventLog) -> Start:
        found = states.last_state(output, self.epochs)
        if not found:
            return Start()
        before = self.steps // self.epochs * found[1]
        why_not = ""
        if said.get("identity") != list(self.identity):
            why_not = "its images have changed since"
        elif self.every_steps and before % self.every_steps:
            why_not = f"save_every_n_steps {self.every_steps} wouldn't be met from step {before} on"
        if why_not:
            log.write("warning", text=f"its last state isn't used: {why_not}")
            return Start()
        return Start(before, found[0].name)


def remove(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = read_json(file)
    except (OSError, TrainToolsError):
        return {}
    return data if isinstance(data, dict) else {}
