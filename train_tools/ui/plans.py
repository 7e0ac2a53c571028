"""Plans that pages look at, kept for a while, and what of a plan is sent: its sums, and its runs by the page."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.current import argument_named, current
from train_tools.engines.sd_scripts.engine import ABSENT
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import BASE
from train_tools.planning.defaults import defaults_for, is_shipped
from train_tools.planning.expand import PlannedRun
from train_tools.planning.findings import Finding
from train_tools.planning.fixes import Runs, fix_for
from train_tools.planning.names import base_name
from train_tools.planning.plan import Plan
from train_tools.planning.presets import Preset, combined
from train_tools.planning.setting_text import one_text
from train_tools.ui.texts import texts

# Plans that are kept, and the runs of all of them together; 10,000 take about 30 MB.
LEAST, MOST, MOST_RUNS = 2, 24, 40_000
MOST_FINDINGS = 50
MOST_REASONS = 5
MOST_PACKS = 50  # that are told one by one


@dataclass(frozen=True)
class Kept:
    """`given` are the texts of the settings that it was made with; `presets` all that there are."""

    plan: Plan
    given: Mapping[str, str]
    presets: Mapping[str, Preset]

    @property
    def overrides(self) -> str:
        """To which a fix adds."""
        return self.given.get("overrides", "")


class Plans:
    """The newest ones of all pages. A page may still ask for runs of the plan before the one that it got last."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._plans: dict[int, Kept] = {}
        self._guard = threading.Lock()

    def keep(self, kept: Kept) -> int:
        with self._guard:
            number = next(self._numbers)
            self._plans[number] = kept
            while len(self._plans) > LEAST and (len(self._plans) > MOST or self._runs() > MOST_RUNS):
                self._plans.pop(next(iter(self._plans)))
        return number

    def _runs(self) -> int:
        return sum(len(kept.plan.runs) for kept in self._plans.values())

    def find(self, number: int) -> Kept:
        """Raises UsageError where newer plans have taken its place."""
        found = self._plans.get(number)
        if found is None:
            raise UsageError("This plan is out of date; it is being made anew.")
        return found

    def run(self, number: int, index: int) -> PlannedRun:
        runs = self.find(number).plan.runs
        if not 0 <= index < len(runs):
            raise UsageError(f"the plan has no run {index + 1}")
        return runs[index]


def summary(kept: Kept) -> dict[str, Any]:
    """What stands beside the fields."""
    plan = kept.plan
    waiting = plan.runs_to_train
    impossible = [run for run in plan.runs if run.is_refused]
    reasons = Counter(reason for run in impossible for reason in run.reasons)
    runs = Runs([run.arguments for run in plan.runs], [run.steps for run in plan.runs])
    return {
        "runs": len(plan.runs),
        "to_train": len(waiting),
        "packs": len(plan.packs),
        "engines": Counter(run.engine for run in plan.runs),
        "states": Counter(map(state_of, plan.runs)),
        "why": Counter(run.why for run in plan.runs if run.why and run.is_to_train),
        "impossible": len(impossible),
        "lacks_sd_scripts": any(ABSENT in reason for reason in reasons),
        "toys": _toys(waiting),
        "reasons": reasons.most_common(MOST_REASONS),
        "steps": sum(run.steps for run in waiting),
        "images_seen": sum(run.images_seen for run in waiting),
        "checkpoints": sum(len(run.checkpoints) for run in waiting),
        "disk_bytes": sum(run.disk_bytes for run in waiting),
        "seconds": plan.seconds,
        "at_once": plan.at_once,
        "memory_bytes": plan.memory_bytes,
        "is_memory_measured": plan.is_memory_measured,
        "pack_facts": [_pack(plan, place) for place in range(min(len(plan.packs), MOST_PACKS))],
        "axes": {name: [axis_text(name, value) for value in values] for name, values in plan.axes.items()},
        "bases": _bases(plan),
        "defaults": _defaults(kept),
        "findings": [_finding(finding, runs, kept) for finding in plan.findings[:MOST_FINDINGS]],
        "more_findings": max(0, len(plan.findings) - MOST_FINDINGS),
        "identity": _identity(plan),
    }


def _toys(runs: Sequence[PlannedRun]) -> int:
    """How many would be trained on the small model that ships."""
    bases = Counter(str(run.arguments[BASE]) for run in runs)
    return sum(count for base, count in bases.items() if is_shipped(base))


def _pack(plan: Plan, place: int) -> dict[str, Any]:
    """`available` bytes and the day were measured; 0 and "": its memory is an estimate."""
    pack, facts = plan.packs[place], plan.facts[place]
    return {
        "runs": len(pack),
        "why": facts.chosen.why,
        "seconds": sum(run.seconds for run in pack),
        "memory_bytes": facts.memory_bytes,
        "available": facts.available,
        "measured_on": facts.measured_on,
    }


def _identity(plan: Plan) -> str:
    """Equal for plans that start the same trainings."""
    text = "".join(f"{run.digest} {run.state}\n" for run in plan.runs)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def axis_text(name: str, value: Any) -> str:
    row = argument_named(name)
    return base_name(str(value)) if row.is_path else one_text(row, value)


def _bases(plan: Plan) -> list[dict[str, str]]:
    files = dict.fromkeys(str(run.arguments[BASE]) for run in plan.runs)
    families = {file: detect(Path(file)) for file in files}
    return [
        {"name": base_name(file), "id": family.name, "family": family.title}
        for file, family in families.items()
    ]


def _defaults(kept: Kept) -> dict[str, str]:
    """What an empty field means, where that isn't the table's default: by the base model, and by the preset."""
    base = str(kept.plan.runs[0].arguments[BASE])
    found = detect(Path(base))
    values = defaults_for(base, found)
    with contextlib.suppress(UsageError):  # several presets are compared
        values |= combined(kept.given["preset"], kept.presets, found.name) if kept.given.get("preset") else {}
    known = current().known
    return {
        name: one_text(known[name], value)
        for name, value in values.items()
        if name != BASE and value != known[name].default
    }


def _finding(finding: Finding, runs: Runs, kept: Kept) -> dict[str, Any]:
    """`title` is the id of a text that says it in the page's languages."""
    title = f"plan.finding_{finding.id}"
    if title not in texts() and finding.id.endswith("-alone"):
        title = "plan.finding_alone"
    return {
        "id": finding.id,
        "severity": finding.severity,
        "title": title.removeprefix("plan.finding_") if title in texts() else "",
        "sentence": finding.sentence,
        "fix": finding.fix,
        "source": finding.source,
        "runs": finding.runs,
        "change": fix_for(finding.id, runs, kept.overrides),
    }


def rows(plan: Plan, state: str, start: int, count: int) -> dict[str, Any]:
    """Runs of one state, or of all where it is empty."""
    chosen = [(index, run) for index, run in enumerate(plan.runs) if not state or state_of(run) == state]
    return {"count": len(chosen), "rows": [_row(i, run, plan) for i, run in chosen[start : start + count]]}


def state_of(run: PlannedRun) -> str:
    return "impossible" if run.is_refused else run.state


def _row(index: int, run: PlannedRun, plan: Plan) -> dict[str, Any]:
    """`pack` is counted from 1; 0: it isn't trained. `beside` are the labels of the others in it."""
    place = plan.pack_of.get(run.run_id, -1)
    return {
        "index": index,
        "name": run.name,
        "label": run.label,
        "run_id": run.run_id,
        "state": state_of(run),
        "steps": run.steps,
        "images_seen": run.images_seen,
        "checkpoints": len(run.checkpoints),
        "disk_bytes": run.disk_bytes,
        "seconds": run.seconds if run.is_to_train else 0,
        "reasons": (*run.reasons, *run.faults),
        "why": run.why,
        "pack": place + 1,
        "beside": [other.label for other in plan.packs[place] if other is not run] if place >= 0 else [],
    }
