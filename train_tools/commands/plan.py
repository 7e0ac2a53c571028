"""`plan`: shows every run that the settings mean, and what it costs, before anything starts."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from train_tools.commands.changes import add_changes, changes_of
from train_tools.commands.options import add_common, add_version, open_version
from train_tools.commands.output import Output, table
from train_tools.execution.lane import slots
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning.expand import PlannedRun
from train_tools.planning.plan import PackFacts, Plan, make_plan
from train_tools.preview.before_training import with_pictures

HELP = (
    "Shows the runs that the settings mean: steps, checkpoints, disk, time, and which are trained together."
)
NUMBERS = frozenset({0, 2, 3, 4, 5, 6, 7})
MOST_PACKS = 12  # that are told one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    add_changes(parser)
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    at_once = len(slots(version.root, DEFAULT_LANE))
    plan = make_plan(version, changes_of(arguments, version, out), at_once=at_once)
    plan = with_pictures(version, plan, lambda: renderer_of(version.root))
    show(plan, out)
    out.document(document(plan))
    return 0


def show(plan: Plan, out: Output) -> None:
    """The plan as a table, its sums, and what to know before it starts."""
    rows = [["#", "run", "steps", "images", "checkpoints", "disk", "time", "pack", "state"]]
    rows += [_row(number, run, plan) for number, run in enumerate(plan.runs, start=1)]
    out.say(table(rows, right=NUMBERS))
    waiting = plan.runs_to_train
    total = totals(plan)
    out.say(
        f"\n{len(plan.runs)} run(s), {len(waiting)} to train in {len(plan.packs)} pack(s)"
        f"{f', {plan.at_once} at the same time' if plan.at_once > 1 else ''}: "
        f"{total['steps']} steps, {total['checkpoints']} checkpoints, "
        f"{megabytes(total['disk_bytes'])}, about {duration(total['seconds'])}, "
        f"GPU memory about {plan.memory_bytes / 1e9:.1f} GB{'' if plan.is_memory_measured else ' (estimate)'}"
    )
    _show_packs(plan, out)
    for finding in plan.findings:
        about = f" ({finding.runs} of {len(plan.runs)} runs)" if 0 < finding.runs < len(plan.runs) else ""
        fix = f"; {finding.fix}" if finding.fix else ""
        out.say(f"{finding.severity}: {finding.sentence}{about}{fix} [{finding.id}]")
    for run in plan.runs:
        if run.reasons:
            out.say(f"can't be trained yet: {run.name}: {'; '.join(run.reasons)}")


def _show_packs(plan: Plan, out: Output) -> None:
    """Each pack's size, time and memory, and why so many runs are in it; packs of one run say nothing."""
    said = [
        f"pack {number} of {len(plan.packs)}: {len(pack)} runs, about {duration(sum(run.seconds for run in pack))}, "
        f"{_memory(facts)}: {facts.chosen.why or 'pack_size says so'}"
        for number, (pack, facts) in enumerate(zip(plan.packs, plan.facts, strict=True), start=1)
        if len(pack) > 1 or facts.chosen.why
    ]
    for line in said[:MOST_PACKS]:
        out.say(line)
    if len(said) > MOST_PACKS:
        out.say(f"and {len(said) - MOST_PACKS} more packs")


def _memory(facts: PackFacts) -> str:
    size = f"{facts.memory_bytes / 1e9:.1f} GB"
    return f"{size} as measured here" if facts.measured_on else f"about {size} (estimate)"


def document(plan: Plan) -> dict[str, Any]:
    return {
        "runs": [_run_document(run) for run in plan.runs],
        "axes": {name: list(values) for name, values in plan.axes.items()},
        "findings": [asdict(finding) for finding in plan.findings],
        "packs": [[run.run_id for run in pack] for pack in plan.packs],
        "pack_facts": [pack_facts(plan, place) for place in range(len(plan.packs))],
        "total": {"runs": len(plan.runs), "to_train": len(plan.runs_to_train), **totals(plan)},
        "memory_bytes": plan.memory_bytes,
    }


def pack_facts(plan: Plan, place: int) -> dict[str, Any]:
    """`why` so many at once were chosen. `available_bytes` is 0 and `measured_on` "" where memory is an estimate."""
    pack, facts = plan.packs[place], plan.facts[place]
    return {
        "runs": len(pack),
        "most": facts.chosen.most,
        "why": facts.chosen.why,
        "seconds": round(sum(run.seconds for run in pack), 1),
        "memory_bytes": facts.memory_bytes,
        "available_bytes": facts.available,
        "measured_on": facts.measured_on,
    }


def totals(plan: Plan) -> dict[str, Any]:
    """Sums over the runs that are to be trained."""
    waiting = plan.runs_to_train
    return {
        "steps": sum(run.steps for run in waiting),
        "checkpoints": sum(len(run.checkpoints) for run in waiting),
        "disk_bytes": sum(run.disk_bytes for run in waiting),
        "seconds": round(plan.seconds, 1),
    }


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """`45 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _row(number: int, run: PlannedRun, plan: Plan) -> list[str]:
    time = duration(run.seconds) if run.is_to_train else "-"
    pack = str(plan.pack_of[run.run_id] + 1) if run.run_id in plan.pack_of else "-"
    state = "not possible" if run.reasons else run.state
    return [
        str(number), run.name, str(run.steps), str(run.images_seen), str(len(run.checkpoints)),
        megabytes(run.disk_bytes), time, pack, state,
    ]  # fmt: skip


def _run_document(run: PlannedRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "run_id": run.run_id,
        "label": run.label,
        "output_name": run.output_name,
        "engine": run.engine,
        "reasons": list(run.reasons),
        "state": run.state,
        "steps": run.steps,
        "images_seen": run.images_seen,
        "checkpoints": list(run.checkpoints),
        "disk_bytes": run.disk_bytes,
        "state_bytes": run.state_bytes,
        "seconds": round(run.seconds, 1),
        "dataset_fingerprint": run.dataset_fingerprint,
        "arguments": dict(run.arguments),
    }
