"""What tells runs apart that were queued together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.arguments.titles import title_of

# Follow from the others, or are the same for a person.
UNTOLD = frozenset({"output_dir", "output_name", "logging_dir", "train_data_dir", "log_prefix"})


def labels(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The arguments that differ between the runs, e.g. `network_dim 8 · seed 2`; empty where none does."""
    names = sorted({name for run in runs for name in run} - UNTOLD)
    differing = [name for name in names if len({repr(run.get(name)) for run in runs}) > 1]
    return [title_of({name: run.get(name) for name in differing}) for run in runs]
