"""Settings of a webui for one picture; afterwards they are as they were, also those that stood in no file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# Forge, Neo and reForge see it in the model's file; where they can't, and in AUTOMATIC1111's, it is a setting.
NOISE, ZERO_SNR = "sd_noise_schedule", "Zero Terminal SNR"
ABSENT = object()


@contextmanager
def set_for_a_picture(
    opts: Any, wishes: Mapping[str, Any], follow: Mapping[str, Callable[[], Collection[Any]]]
) -> Iterator[None]:
    """`wishes` that this webui doesn't know are left out. `follow` are options which the webui changes together with
    ours, and the values that it gives them.

    The values are written into `opts.data`, as no callback of a settings page may run, and nothing may be frozen for
    it. What a person changed meanwhile stays.
    """
    data: dict[str, Any] = opts.data
    ours = {name: value for name, value in wishes.items() if name in opts.data_labels}
    before = {name: data.get(name, ABSENT) for name in [*ours, *follow]}
    data.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            is_ours = name in ours and data.get(name, ABSENT) == ours[name]
            if not (is_ours or (name in follow and data.get(name, ABSENT) in follow[name]())):
                continue
            if value is ABSENT:
                data.pop(name, None)
            else:
                data[name] = value
