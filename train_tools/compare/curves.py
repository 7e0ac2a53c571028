"""Loss and learning rate of runs over their steps, from events.jsonl, thinned and smoothed for looking at.

Smoothing is TensorBoard's: an exponential moving average that starts at 0, divided by 1 - weight^n, so that its first
values aren't pulled to 0 (tensorboard/plugins/scalar: resmoothDataset; the correction is Adam's, Kingma and Ba 2015).
"""

from __future__ import annotations

import bisect
import csv
import io
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.execution.events import FILE, events_of
from train_tools.workspace.workspace import Version, folders_in

USUAL_SMOOTHING = 0.9
MOST_POINTS = 1000  # of one curve; more than a screen is wide
MOST_RUNS = 50
COLUMNS = ("run", "name", "step", "epoch", "loss", "smoothed loss", "learning rate", "validation loss")
Part = tuple[float, float] | None
NOTE = (
    (
        "A lower loss doesn't mean better pictures: it measures noise prediction on the training images, and goes on "
        "falling while a LoRA memorises them. Judge by the previews; look here for runs that diverge or hardly learn."
    ),
    "损失更低并不代表出图更好：它衡量的是在训练图上预测噪声的误差，过拟合时仍会下降。请以预览图为准；这里主要用来发现发散或几乎没有学到东西的训练。",
)


@dataclass(frozen=True)
class Curves:
    """Of one run; all lists but those of validation have an entry for each of `steps`. None where a step didn't say
    it.
    """

    run: str
    steps: tuple[int, ...]
    epochs: tuple[int | None, ...]
    loss: tuple[float | None, ...]
    smooth: tuple[float | None, ...]
    learning_rate: tuple[float | None, ...]
    validation_steps: tuple[int, ...] = ()  # after which images that were held back were measured
    validation: tuple[float, ...] = ()


@dataclass(frozen=True)
class Point:
    """One step; `time` is in seconds since 1970."""

    step: int
    epoch: int | None
    loss: float | None
    learning_rate: float | None
    time: float


def read_curves(
    version: Version, runs: Sequence[str] = (), smoothing: float = USUAL_SMOOTHING, part: Part = None
) -> list[Curves]:
    """Of the runs with these names, or of the first MOST_RUNS that have any steps.

    `smoothing` is the weight of the past, from 0 up to 1 without it; `part` are the first and the last step that are
    looked at. Raises UsageError for a run that isn't there.
    """
    found: list[Curves] = []
    for name, points, validation in _read(version, runs, smoothing):
        if points and len(found) < MOST_RUNS:
            found.append(_curves(name, points, smoothing, validation, part))
    return found


def _read(
    version: Version, runs: Sequence[str], smoothing: float
) -> Iterator[tuple[str, list[Point], list[tuple[int, float]]]]:
    """Of each run when it is asked for; what is wrong with the question is told at once."""
    if not 0 <= smoothing < 1:
        raise UsageError(f"smoothing is {smoothing}; allowed: from 0, which is none, to below 1")
    folders = {folder.name: folder for folder in folders_in(version.trains)}
    if unknown := [run for run in runs if run not in folders]:
        raise UsageError(f"there is no run {unknown[0]!r}; there are: {', '.join(folders) or 'none yet'}")
    return ((name, read_points(folders[name]), read_validation(folders[name])) for name in runs or folders)


def csv_table(
    version: Version, runs: Sequence[str], smoothing: float, called: Mapping[str, str]
) -> Iterator[str]:
    """All steps for a spreadsheet, run by run; `called` are the runs' short names. Raises as `read_curves`."""
    read = _read(version, runs, smoothing)
    # Without the mark spreadsheet programs take UTF-8 for something else.
    head = "\ufeff" + _csv([COLUMNS])
    return itertools.chain([head], (_csv(_rows(called.get(run[0], run[0]), *run, smoothing)) for run in read))


def _rows(
    label: str, name: str, points: Sequence[Point], validation: Sequence[tuple[int, float]], smoothing: float
) -> Iterator[Sequence[object]]:
    measured = dict(validation)
    smooth = smoothed([point.loss for point in points], smoothing)
    named = [_as_text(name), _as_text(label)]
    for point, average in zip(points, smooth, strict=True):
        numbers = (point.step, point.epoch, point.loss, average, point.learning_rate)
        yield [*named, *numbers, measured.pop(point.step, None)]
    # Measured before the first step, or after one that an attempt cut off.
    for step, loss in measured.items():
        yield [*named, step, None, None, None, None, loss]


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _as_text(name: str) -> str:
    """A name that a spreadsheet would calculate stays a name."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t") else name


def curve_runs(version: Version) -> list[str]:
    """The runs that have told of any steps, or may have."""
    return [folder.name for folder in folders_in(version.trains) if (folder / FILE).is_file()]


def read_points(folder: Path) -> list[Point]:
    """One for each step of a run's last attempt, in order; what was trained twice counts as it was last."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    points: list[Point] = []
    # Most lines are steps; others needn't be parsed.
    for event in events_of([line for line in lines if b'"step"' in line]):
        step = event.get("step")
        if event["event"] != "step" or not isinstance(step, int):
            continue
        while points and points[-1].step >= step:
            points.pop()
        epoch = event.get("epoch")
        is_whole = isinstance(epoch, int)
        loss, rate, when = (_number(event.get(name)) for name in ("loss", "lr", "time"))
        points.append(Point(step, epoch if is_whole else None, loss, rate, when or 0.0))
    return points


def read_validation(folder: Path) -> list[tuple[int, float]]:
    """Step and error on the images that a run of the packed engine held back, as read_points."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found: list[tuple[int, float]] = []
    for event in events_of([line for line in lines if b'"validation"' in line]):
        step, loss = event.get("step"), _number(event.get("loss"))
        if event["event"] == "validation" and isinstance(step, int) and loss is not None:
            while found and found[-1][0] >= step:
                found.pop()
            found.append((step, loss))
    return found


def _number(value: object) -> float | None:
    """JSON has no infinity; where a program wrote one, it counts as none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number and isinstance(value, (int, float)) else None


def _curves(
    name: str,
    points: Sequence[Point],
    smoothing: float,
    validation: Sequence[tuple[int, float]],
    part: Part = None,
) -> Curves:
    smooth = smoothed([point.loss for point in points], smoothing)
    first, last = _within(points, part) if part else (0, len(points) - 1)
    stride = max(1, -(-(last - first + 1) // MOST_POINTS))
    # Counted from the end, so that the last step is among them.
    kept = sorted(range(last, first - 1, -stride))
    chosen = [points[n] for n in kept]
    return Curves(
        name,
        tuple(point.step for point in chosen),
        tuple(point.epoch for point in chosen),
        tuple(point.loss for point in chosen),
        tuple(smooth[n] for n in kept),
        tuple(point.learning_rate for point in chosen),
        tuple(step for step, _ in validation),
        tuple(loss for _, loss in validation),
    )


def _within(points: Sequence[Point], part: tuple[float, float]) -> tuple[int, int]:
    """The places of the first and the last point of a part, and one more on either side, to which lines lead."""
    steps = [point.step for point in points]
    first = max(0, bisect.bisect_left(steps, part[0]) - 1)
    return first, max(first, min(len(steps) - 1, bisect.bisect_right(steps, part[1])))


def smoothed(values: Sequence[float | None], weight: float) -> list[float | None]:
    """None stays; a constant curve is left as it is."""
    known = [value for value in values if value is not None]
    if not known or all(value == known[0] for value in known):
        return list(values)
    average, count = 0.0, 0
    result: list[float | None] = []
    for value in values:
        if value is None:
            result.append(None)
            continue
        average = average * weight + (1 - weight) * value
        count += 1
        result.append(average / (1 - weight**count))
    return result
