"""A run's curves over its steps, from whichever engine: TensorBoard's files in `logs/`, else its events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from train_tools.engines.sd_scripts.scalars import Scalar, ScalarReader
from train_tools.execution.events import FILE

Curve = tuple[list[int], list[float]]  # steps, counted from 1, and the values there
# What an event calls it -> what sd-scripts calls it.
TAGS = {
    "loss": "loss/current", "average_loss": "loss/average", "lr": "lr/unet", "keys_scaled": "max_norm/keys_scaled",
    "average_norm": "norm/avg_key_norm", "max_norm": "max_norm/max_key_norm",
}  # fmt: skip


def scalars(run_folder: Path) -> dict[str, Curve]:
    """Tag -> its steps, rising, and values; NaN is a value. Empty where nothing was trained.

    Both engines give `loss/current`, `loss/average` and `lr/unet`, with scale_weight_norms what became of the norms;
    sd-scripts gives more. Of steps that were trained
    again after an interruption, the last counts.
    """
    found = _curves(ScalarReader(run_folder).read())
    return found or _curves(_of_events(run_folder / FILE))


def _curves(values: Iterable[Scalar]) -> dict[str, Curve]:
    by_tag: dict[str, dict[int, float]] = {}
    process = 0
    for scalar in values:
        if scalar.process != process:  # what the one before did after this one's begin was done again
            process = scalar.process
            for tag, of_tag in by_tag.items():
                if not Scalar(tag, 0, 0).is_of_epoch:
                    by_tag[tag] = {step: v for step, v in of_tag.items() if step <= scalar.begin}
        by_tag.setdefault(scalar.tag, {})[scalar.step] = scalar.value
    return {
        tag: ([step for step, _ in points], [value for _, value in points])
        for tag, of_tag in by_tag.items()
        if (points := sorted((step, value) for step, value in of_tag.items() if step > 0))
    }


def _of_events(file: Path) -> Iterable[Scalar]:
    try:
        lines = file.open("rb")
    except FileNotFoundError:
        return
    with lines:
        for line in lines:
            if b'"step"' in line:  # a validation's lines, too
                yield from _of_event(line)


def _tags(event: Mapping[str, Any]) -> Mapping[str, str]:
    if event.get("event") == "validation":  # as sd-scripts calls it
        start = f"loss/validation/{event.get('after')}_"
        return {"loss": f"{start}average", "divergence": f"{start}divergence"}
    return TAGS if event.get("event") == "step" else {}


def _of_event(line: bytes) -> Iterable[Scalar]:
    try:
        event = json.loads(line)
    except ValueError:  # a crash cut it off
        return
    if not isinstance(event, Mapping) or not isinstance(event.get("step"), int):
        return
    values: Mapping[str, Any] = event
    for name, tag in _tags(values).items():
        if isinstance(values.get(name), (int, float)):
            yield Scalar(tag, values["step"], float(values[name]))
