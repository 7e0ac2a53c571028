"""The exact losses and learning rates: what sd-scripts writes for TensorBoard in `logs/` of a run's folder.

One folder for each process of the run, `<prefix>-from-<steps before it>-<time>`, as sd-scripts counts its steps from
0 again where it goes on from a state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FOLDER = "logs"
FROM = "-from-"
BEGIN = re.compile(r"-from-(\d+)-\d{14}(?:/|$)")
FILES = "events.out.tfevents.*"


@dataclass(frozen=True)
class Scalar:
    """`step` counts from the run's start; process number `process` of the run wrote it, going on from `begin`."""

    tag: str
    step: int
    value: float
    begin: int = 0
    process: int = 0

    @property
    def is_of_epoch(self) -> bool:
        """Whether `step` is the number of an epoch."""
        return self.tag.rpartition("/")[2].startswith("epoch")


def log_prefix(own: str, run_id: str, steps_before: int) -> str:
    """What sd-scripts puts before the time in the folder's name; two runs never share a folder."""
    return f"{own}{run_id}{FROM}{steps_before:08d}-"


class ScalarReader:
    """Gives what was written since it was asked last; nothing where the package `tensorboard` is missing."""

    def __init__(self, run_folder: Path) -> None:
        self._logs = run_folder / FOLDER
        self._loaders: dict[Path, tuple[int, Any]] = {}

    def read(self) -> Iterator[Scalar]:
        """In the order of the processes that wrote them."""
        for path in sorted(self._logs.rglob(FILES), key=lambda path: path.relative_to(self._logs).as_posix()):
            if path not in self._loaders:
                loader = _loader(path)
                if loader is None:
                    return
                self._loaders[path] = (_begin(path.relative_to(self._logs).as_posix()), loader)
        for process, (begin, loader) in enumerate(self._loaders.values()):
            yield from _new(loader, begin, process)


def _begin(name: str) -> int:
    found = BEGIN.search(name)
    return int(found[1]) if found else 0


def _loader(path: Path) -> Any:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    except ImportError:
        return None
    return EventFileLoader(str(path))


def _new(loader: Any, begin: int, process: int) -> Iterator[Scalar]:
    # A record that is half written is no error of the reader; it is given when it is whole.
    for event in loader.Load():
        for value in event.summary.value:
            number = _number(value)
            if number is not None:
                scalar = Scalar(value.tag, event.step, number, begin, process)
                # The number of an epoch goes on where steps begin again.
                yield scalar if scalar.is_of_epoch else replace(scalar, step=event.step + begin)


def _number(value: Any) -> float | None:
    if value.HasField("simple_value"):
        return float(value.simple_value)
    return float(value.tensor.float_val[0]) if value.HasField("tensor") and value.tensor.float_val else None
