"""What tells the runs of a preview apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.planning.names import FILES
from train_tools.workspace.workspace import Version

from .cells import Run, find_runs
from .index import Index, RunEntry
from .model_names import shown_models
from .plan import PreviewPlan

# Arguments that name a run's own files; they differ between all runs and say nothing about them.
NOT_AN_AXIS = {
    "output_dir", "output_name", "logging_dir", "training_comment", "log_prefix", "resume", "initial_epoch",
    "initial_step",
}  # fmt: skip


def unique_runs(plan: PreviewPlan) -> list[Run]:
    return list({row.checkpoint.run.folder: row.checkpoint.run for row in plan.rows}.values())


def run_entries(version: Version, plan: PreviewPlan, before: Index) -> list[RunEntry]:
    """Of all runs that the version has, as they differ from each other now."""
    runs = find_runs(version)
    names = differing_arguments(runs)
    # Looking for a trigger reads a folder of images.
    triggers = {run.name: run.trigger for run in before.runs}
    triggers |= {run.folder.name: run.trigger for run in unique_runs(plan)}
    return [
        RunEntry(
            run.folder.name,
            label,
            str(run.base_model),
            triggers.get(run.folder.name, ""),
            {name: run.arguments.get(name) for name in names},
        )
        for run, label in zip(runs, run_labels(runs), strict=True)
    ]


def run_labels(runs: Sequence[Run]) -> list[str]:
    """What tells the runs apart: the arguments that differ between them, e.g. `optimizer_type Lion`."""
    axes = differing_arguments(runs)
    models = shown_models(
        str(run.arguments[n]) for n in axes if n in FILES for run in runs if run.arguments.get(n)
    )
    return [
        "\n".join(f"{n} {_text(_shown(n, run.arguments.get(n), models))}" for n in axes) or run.folder.name
        for run in runs
    ]


def _shown(name: str, value: Any, models: Mapping[str, str]) -> Any:
    """A model by its name."""
    return models.get(str(value), value) if name in FILES else value


def differing_arguments(runs: Sequence[Run]) -> list[str]:
    names = sorted({name for run in runs for name in run.arguments} - NOT_AN_AXIS)
    return [n for n in names if len({repr(run.arguments.get(n)) for run in runs}) > 1]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
