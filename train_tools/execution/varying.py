"""What tells runs apart that were queued together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.arguments.titles import text_of

# Follow from the others, or are the same for a person.
UNTOLD = frozenset({"output_dir", "output_name", "logging_dir", "train_data_dir", "log_prefix"})


def differing(runs: Sequence[Mapping[str, Any]]) -> list[list[tuple[str, str]]]:
    """The arguments in which the runs differ, with each run's value as a text; empty where there are none."""
    names = sorted({name for run in runs for name in run} - UNTOLD)
    told = [name for name in names if len({repr(run.get(name)) for run in runs}) > 1]
    return [[(name, text_of(run.get(name))) for name in told] for run in runs]
