"""What a plan says of its runs' pictures before anything is trained: how many they are, how they are made, and why they
couldn't be drawn.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from train_tools.base_model.identity import Library
from train_tools.errors import UsageError
from train_tools.families.interface import BASE
from train_tools.hosts.interface import HostError
from train_tools.planning.findings import ORDER, Finding
from train_tools.planning.plan import Plan
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

from .base_facts import BaseFacts, facts_of
from .cells import Run
from .choosing import AUTO, NO_WEBUI
from .host_facts import HostFacts
from .own_renderers import OWN, able, asked_about
from .plan import sizes_of
from .prompts import asked_for
from .renderer import HOST, Bridge
from .settings import PreviewSettings, weights_of
from .ways import Schedule, by_family_of, ways_of

NO_PICTURES = "no-pictures"
FIX = "train them all the same: they can be drawn once that is put right"


def with_pictures(version: Version, plan: Plan, connect: Callable[[], Bridge | None]) -> Plan:
    """The plan with what is to say; `connect` looks for a webui, and is asked only where nothing else can draw."""
    try:
        chosen = settings.preview_change(version, "preview", PreviewSettings, {})
    except UsageError:
        return plan  # a preview says it
    found = _Looking(version, chosen, connect).findings(plan)
    together = sorted((*plan.findings, *found), key=lambda finding: ORDER.index(finding.severity))
    return dataclasses.replace(plan, findings=tuple(together))


@dataclasses.dataclass(frozen=True)
class Planned:
    """`each` are the pictures of a checkpoint, `bare` those without LoRA, which all checkpoints share.

    `by_family` is how they are made where nobody set it, `notes` what was taken out of prompts.
    """

    each: int
    bare: int
    by_family: Mapping[str, str]
    notes: tuple[str, ...]


def planned_pictures(version: Version, chosen: PreviewSettings, plan: Plan) -> Planned:
    """Of a plan's runs with these settings. Raises UsageError where the prompts can't be read."""
    asked = asked_for(version, chosen)
    bases = {base: runs for base, runs in _by_base(plan).items() if base.exists()}
    ways = {base: ways_of(chosen, facts_of(base, [run for run, _ in runs])) for base, runs in bases.items()}
    alike = 0
    for base, runs in list(bases.items())[:1]:
        one = ways[base]
        axes = (
            one.schedules, one.steps, one.cfg_scales, one.clip_skips, one.guidances, one.shifts, one.rescales,
            asked.pairs, chosen.seed, sizes_of(runs[0][0], chosen, one), chosen.base_models or ("",),
        )  # fmt: skip
        alike = math.prod(map(len, axes))
    weights = weights_of(chosen)
    with_lora = sum(any(pair) for pair in weights) * max(1, len(chosen.block_weights))
    return Planned(
        each=alike * with_lora,
        bare=alike * any(not any(pair) for pair in weights),
        by_family=by_family_of(chosen, ways.values()),
        notes=asked.notes,
    )


class _Looking:
    def __init__(
        self, version: Version, chosen: PreviewSettings, connect: Callable[[], Bridge | None]
    ) -> None:
        self._version = version
        self._chosen = chosen
        self._host = functools.cache(lambda: HostFacts(bridge) if (bridge := connect()) is not None else None)
        self._names = [name for name in OWN if chosen.renderer in (AUTO, name)]

    def findings(self, plan: Plan) -> list[Finding]:
        """One for each base model and reason."""
        counts: dict[tuple[Path, str], int] = {}
        for base_model, runs in _by_base(plan).items():
            if base_model.exists():  # else the plan says so
                facts = facts_of(base_model, [one for one, _ in runs])
                schedules = ways_of(self._chosen, facts).schedules
                for one, count in runs:
                    if sentence := self._why_not(base_model, facts, one.arguments, schedules):
                        place = base_model, sentence
                        counts[place] = counts.get(place, 0) + count
        return [
            Finding(
                NO_PICTURES,
                "advice",
                f"no pictures of them can be drawn on {base.name}: {why}",
                FIX,
                "",
                count,
            )
            for (base, why), count in counts.items()
        ]

    def _why_not(
        self,
        base_model: Path,
        facts: BaseFacts,
        arguments: Mapping[str, Any],
        schedules: tuple[Schedule, ...],
    ) -> str:
        asked = [able(name, base_model, facts, [arguments], schedules) for name in self._names]
        if any(one.share for one in asked):
            return ""
        if not (host := self._of_webui(base_model, schedules)):
            return ""
        return "; ".join(dict.fromkeys([host, *(one.why_not for one in asked)]))

    def _of_webui(self, base_model: Path, schedules: tuple[Schedule, ...]) -> str:
        """Why the webui can't draw on it; "" where it can."""
        if self._chosen.renderer not in (AUTO, HOST):
            return f"renderer = {self._chosen.renderer}"
        try:
            if (host := self._host()) is None:
                return NO_WEBUI
            library = Library(self._version.root)
            if host.file_of(base_model, library.look(base_model), library.look) is None:
                return f"the webui doesn't have {base_model.name}"
        except HostError:
            return NO_WEBUI
        lacking = [host.lacks(*schedule) for schedule in schedules]
        return "; ".join(lacking) if all(lacking) else ""


def _by_base(plan: Plan) -> dict[Path, list[tuple[Run, int]]]:
    """Runs that differ in what their pictures' making depends on, with how many are like each."""
    alike: dict[Path, dict[str, tuple[Run, int]]] = defaultdict(dict)
    for run in plan.runs:
        if not run.reasons:
            key = repr(asked_about(run.arguments))
            of_base = alike[Path(str(run.arguments[BASE]))]
            one, count = of_base.get(key, (Run(Path(run.name), dict(run.arguments)), 0))
            of_base[key] = one, count + 1
    return {base: list(runs.values()) for base, runs in alike.items()}
