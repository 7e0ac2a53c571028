"""How the pictures on one base model are made: as a person set it, else as its family makes them well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from train_tools.families.interface import Pictures

from .base_facts import BaseFacts
from .cells import Drawn, Recipe, Run
from .renderer import HOST
from .schedules import AUTOMATIC, named_apart
from .settings import PreviewSettings

Schedule = tuple[str, str]  # sampler, scheduler
# Settings that are empty where nobody set them, by what families call them.
BY_FAMILY = ("sampler", "scheduler", "steps", "cfg_scale", "guidance", "shift", "rescale")


@dataclass(frozen=True)
class Unset:
    """One combination of BY_FAMILY."""

    sampler: str
    scheduler: str
    steps: int
    cfg_scale: float
    guidance: float | None
    shift: float | None
    rescale: float


@dataclass(frozen=True)
class Ways:
    """The values of each axis. A `clip_skips` of 0 is what the run was trained with; `step` is of sizes, in pixels.

    `own_rescale` says that nobody set the rescale: whoever can't rescale draws without.
    """

    facts: BaseFacts
    schedules: tuple[Schedule, ...]
    steps: tuple[int, ...]
    cfg_scales: tuple[float, ...]
    clip_skips: tuple[int, ...]
    guidances: tuple[float | None, ...]
    shifts: tuple[float | None, ...]
    rescales: tuple[float, ...]
    own_rescale: bool
    step: int

    def made(self, run: Run, drawn: Drawn) -> list[dict[str, Any]]:
        """All combinations of them, as fields of a recipe, for a LoRA of the run."""
        rescales = (0.0,) if self.own_rescale and drawn.renderer == HOST else self.rescales
        combinations = product(
            self.schedules,
            self.steps,
            self.cfg_scales,
            self.clip_skips,
            self.guidances,
            self.shifts,
            rescales,
        )
        return [
            {
                "sampler": schedule[0], "scheduler": schedule[1], "steps": steps, "cfg_scale": cfg,
                "clip_skip": skip or self._trained_clip_skip(run), "guidance": guidance, "shift": shift,
                "rescale": rescale, "prediction": self.facts.prediction, "zero_snr": self.facts.zero_snr,
            }
            for schedule, steps, cfg, skip, guidance, shift, rescale in combinations
        ]  # fmt: skip

    def _trained_clip_skip(self, run: Run) -> int:
        return run.clip_skip if self.facts.has_clip_skip else 1

    def sized(self, width: int, height: int) -> tuple[int, int]:
        """The next smaller size that its models make, in pixels."""
        return max(self.step, width // self.step * self.step), max(self.step, height // self.step * self.step)


def ways_of(settings: PreviewSettings, facts: BaseFacts) -> Ways:
    own, is_flow = facts.found.pictures, facts.is_flow
    return Ways(
        facts=facts,
        schedules=_schedules(settings, own),
        steps=settings.steps or (own.steps,),
        cfg_scales=settings.cfg_scale or (own.cfg_scale,),
        clip_skips=settings.clip_skip,
        # What a model isn't told makes no other picture of it.
        guidances=(settings.guidance or (own.guidance,)) if own.guidance is not None else (None,),
        shifts=(settings.shift or (own.shift,)) if is_flow else (None,),
        rescales=(settings.rescale or (own.rescale,)) if not is_flow else (0.0,),
        own_rescale=not settings.rescale,
        step=own.step,
    )


def filled_in(settings: PreviewSettings, recipes: Iterable[Recipe]) -> PreviewSettings:
    """The settings with what was drawn in the place of what nobody set: names of sheets say both alike."""
    drawn = {name: tuple(filter(None, values)) for name, values in _unset(settings, recipes).items()}
    changes: dict[str, Any] = drawn
    return replace(settings, **changes)


def by_family(settings: PreviewSettings, recipes: Iterable[Recipe | Unset]) -> dict[str, str]:
    """What nobody set, as text: several where there are base models of several families, "" where none is told it."""
    return {
        name: ", ".join(_as_text(value) for value in values if value is not None)
        for name, values in _unset(settings, recipes).items()
    }


def by_family_of(settings: PreviewSettings, ways: Iterable[Ways]) -> dict[str, str]:
    """As `by_family`, before there is anything to draw."""
    made = [
        Unset(sampler, scheduler, steps, cfg, guidance, shift, rescale)
        for one in ways
        for (sampler, scheduler), steps, cfg, guidance, shift, rescale in product(
            one.schedules, one.steps, one.cfg_scales, one.guidances, one.shifts, one.rescales
        )
    ]
    return by_family(settings, made)


def _unset(settings: PreviewSettings, recipes: Iterable[Recipe | Unset]) -> dict[str, list[Any]]:
    """The different values of what nobody set, in their order."""
    found = {name: dict[Any, None]() for name in BY_FAMILY if not getattr(settings, name)}
    for recipe in recipes:
        for name, values in found.items():
            values[getattr(recipe, name)] = None
    return {name: list(values) for name, values in found.items()}


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _schedules(settings: PreviewSettings, own: Pictures) -> tuple[Schedule, ...]:
    """A sampler's older name holds its scheduler, and is asked before the family."""
    pairs = []
    for sampler, scheduler in product(settings.sampler or (own.sampler,), settings.scheduler or ("",)):
        name, in_name = named_apart(sampler, scheduler or AUTOMATIC)
        pairs.append((name, scheduler or (in_name if in_name != AUTOMATIC else own.scheduler)))
    return tuple(dict.fromkeys(pairs))
