"""By what the pictures on each base model are drawn: by what can, the webui before our own renderer.

All pictures on one base model are drawn by one renderer, those without LoRA among them, as two renderers' pictures of
one recipe differ: a comparison shows what the LoRA does, not what draws it. Where a renderer turns out not to be able
to, the base model's pictures are all planned anew for the other one.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from train_tools.base_model.identity import Library, Look
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version

from . import samplers
from .base_facts import facts_of
from .cells import Drawn, Run
from .host_facts import HostFacts
from .refusals import Refusals
from .renderer import HOST, PACKED, Bridge
from .schedules import named_apart
from .settings import PreviewSettings
from .vaes import Parts, parts_of

AUTO = "auto"
NO_WEBUI = "no webui runs"
WENT_AWAY = "the webui went away"
REMAIN = (
    "the webui went away; these pictures remain: start it and run the preview again, what is there is kept"
)
SAID_S = 1.0  # between words of how far a file is read
Schedule = tuple[str, str]  # sampler, scheduler


@dataclass
class Chooser:
    """Of one preview. With `waits` models are read to know their content; else what isn't known yet is told apart.

    Raises UsageError where a host is asked for and none is there, or our own renderer lacks what it alone may draw.
    """

    version: Version
    settings: PreviewSettings
    bridge: Bridge | None
    waits: bool = False
    reading: Callable[[str], None] = lambda _text: None
    again: bool = False
    is_gone: bool = False  # the webui, after the preview had begun
    _velocity: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._library = Library(self.version.root)
        self._refusals = Refusals(self.version.root, forget=self.again)
        self._began = time.monotonic()
        self.renew(self.bridge)
        if self.settings.renderer == HOST and self.bridge is None:
            raise UsageError(
                "renderer = host: no webui with Train Tools is running; start it, or set renderer=diffusers"
            )
        if self.names == (PACKED,):
            for schedule in self.schedules:
                samplers.check(*schedule)

    @property
    def names(self) -> tuple[str, ...]:
        """The renderers that may be taken, the best first."""
        if self.settings.renderer != AUTO:
            return (self.settings.renderer,)
        return (HOST, PACKED) if self.bridge is not None else (PACKED,)

    @functools.cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        pairs = product(self.settings.sampler, self.settings.scheduler)
        return tuple(dict.fromkeys(named_apart(*pair) for pair in pairs))

    def renew(self, bridge: Bridge | None) -> None:
        """Another webui runs now, or none."""
        self.bridge = bridge
        self._host = HostFacts(bridge) if bridge is not None else None
        self._forget()
        self.look = functools.cache(self._look)

    def host_went(self) -> None:
        """For good: what else can draws all of a base model; what nothing else can draw remains as it was planned."""
        self.is_gone = True
        self._forget()
        if self._host is not None:
            self._host.is_gone = True

    def expect(self, runs: Iterable[Run]) -> None:
        """Those whose checkpoints are shown."""
        self._velocity |= {run.base_model for run in runs if run.arguments.get("v_parameterization")}

    def refuse(self, drawn: Drawn, base_model: Path, sentence: str, *, is_sure: bool) -> bool:
        """What draws on this base model now can't; whether another one will."""
        if drawn.renderer == HOST and self._host is not None:
            self._refusals.add(self._host.name, self.look(base_model).token, sentence, keep=is_sure)
        self._forget()
        return len(self.names) > 1 and self._choose(base_model).renderer != drawn.renderer

    def drawn(self, run: Run, base_model: Path) -> Drawn:
        """How the pictures of a run on a base model are drawn."""
        place = run.folder, base_model
        if place not in self._drawn:
            if base_model not in self._chosen:
                self._chosen[base_model] = self._choose(base_model)
            chosen = self._chosen[base_model]
            with_parts = self._with_host if chosen.renderer == HOST else self._packed
            self._drawn[place] = with_parts(chosen, parts_of(run, base_model, self.settings.vae))
        return self._drawn[place]

    def _forget(self) -> None:
        """What was chosen."""
        self._chosen: dict[Path, Drawn] = {}
        self._drawn: dict[tuple[Path, Path], Drawn] = {}

    def _choose(self, base_model: Path) -> Drawn:
        """The one that can draw most of what is asked; of equal ones the first."""
        candidates = [self._asked(name, base_model) for name in self.names]
        best = max(candidates, key=lambda candidate: candidate[1])
        drawn, can_draw = best
        if not can_draw and self.is_gone and drawn.renderer == HOST:
            return drawn
        if not can_draw:
            told = dict.fromkeys(candidate[0].error for candidate in candidates)
            return Drawn(drawn.renderer, "", drawn.model, error="; ".join(text for text in told if text))
        if self.settings.renderer != AUTO:
            return Drawn(drawn.renderer, f"renderer = {self.settings.renderer}", drawn.model)
        others = [other for other, _ in candidates if other.renderer != drawn.renderer and other.error]
        is_second = bool(others) and drawn.renderer == PACKED and not self.is_gone
        because = others[0].error if is_second else drawn.because
        return Drawn(drawn.renderer, because, drawn.model)

    def _asked(self, name: str, base_model: Path) -> tuple[Drawn, int]:
        """One renderer, with how many of the schedules it can draw; its `error` says what it can't."""
        if name == HOST:
            return self._asked_host(base_model)
        because = WENT_AWAY if self.is_gone else "" if self.bridge is not None else NO_WEBUI
        if error := self._no_packed(base_model):
            return Drawn(PACKED, because, base_model, error=error), 0
        lacking = [text for schedule in self.schedules if (text := _lacks_packed(schedule))]
        can = len(self.schedules) - len(lacking)
        return Drawn(PACKED, because, base_model, error="; ".join(lacking)), can

    def _asked_host(self, base_model: Path) -> tuple[Drawn, int]:
        host = self._host
        assert host is not None
        look = self.look(base_model)
        if self.is_gone:
            return Drawn(HOST, "", host.file_of(base_model, look, self.look) or base_model, error=REMAIN), 0
        if told := self._refusals.told(host.name, look.token):
            return Drawn(HOST, "", base_model, error=told), 0
        model = host.file_of(base_model, look, self.look)
        if model is None:
            error = f"the webui doesn't have {base_model.name}"
            if self.settings.renderer == HOST:
                error = f"the webui doesn't have {base_model.name}; put it into its models folder"
            return Drawn(HOST, "", base_model, error=error), 0
        because = "the webui has this base model"
        if model != base_model and model.name != base_model.name:
            because = f"the webui has this base model as {model.name}"
        lacking = [text for schedule in self.schedules if (text := host.lacks(*schedule))]
        return Drawn(HOST, because, model, error="; ".join(lacking)), len(self.schedules) - len(lacking)

    def _no_packed(self, base_model: Path) -> str:
        if not base_model.exists():
            return f"the base model {base_model} is missing; choose a checkpoint file or a diffusers folder"
        facts, name = facts_of(base_model), base_model.name
        if not facts.is_drawn:
            return f"{name} is {facts.title}, which our own renderer doesn't draw; start the webui for it"
        if facts.predicts_velocity or base_model in self._velocity:
            return f"{name} predicts velocity, which our own renderer doesn't draw; start the webui for it"
        return ""

    def _with_host(self, chosen: Drawn, parts: Parts) -> Drawn:
        host = self._host
        assert host is not None
        vae, modules = parts if host.has_vaes else (parts[0] or None, parts[1] or None)
        facts = host.in_force(vae, modules)
        shown = " + ".join(name for name in (str(facts.get("vae", "")), *facts.get("modules", ())) if name)
        if vae:
            facts["vae"] = f"{Path(vae).name} {self.look(Path(vae)).token}"
        return Drawn(
            chosen.renderer, chosen.because, chosen.model, vae, modules, _as_text(facts), host.name, shown, chosen.error
        )  # fmt: skip

    def _packed(self, chosen: Drawn, parts: Parts) -> Drawn:
        vae = parts[0] or ""
        force = _as_text({"vae": self.look(Path(vae)).token}) if vae else ""
        return Drawn(
            chosen.renderer, chosen.because, chosen.model, vae, None, force, "Train Tools",
            Path(vae).name if vae else "", chosen.error,
        )  # fmt: skip

    def _look(self, path: Path) -> Look:
        if not self.waits:
            return self._library.look(path)

        def said(done: int, of: int) -> None:
            if time.monotonic() - self._began < SAID_S:
                return
            self._began = time.monotonic()
            self.reading(f"{path.name} is read once, to know it again: {done / of:.0%}")

        return self._library.read(path, said)


def _lacks_packed(schedule: Schedule) -> str:
    try:
        samplers.check(*schedule)
    except UsageError as error:
        return str(error)
    return ""


def _as_text(facts: object) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)
