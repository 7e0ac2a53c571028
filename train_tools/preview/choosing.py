"""By what the pictures on each base model are drawn: by what can, the webui before our own renderer.

All pictures on one base model are drawn by one renderer, those without LoRA among them, as two renderers' pictures of
one recipe differ: a comparison shows what the LoRA does, not what draws it. Where a renderer turns out not to be able
to, the base model's pictures are all planned anew for the other one.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from train_tools.base_model.identity import Library, Look
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version

from .base_facts import BaseFacts, facts_of
from .cells import Drawn, Run
from .host_facts import HostFacts
from .own_renderers import OWN, SHOWN, Able, able
from .refusals import Refusals
from .renderer import HOST, SD_SCRIPTS, Bridge
from .settings import PreviewSettings, weights_of
from .through_sd_scripts import support as through_sd_scripts
from .vaes import Parts, parts_of
from .ways import Schedule, Ways, ways_of

AUTO = "auto"
NO_WEBUI = "no webui runs"
WENT_AWAY = "the webui went away"
REMAIN = (
    "the webui went away; these pictures remain: start it and run the preview again, what is there is kept"
)
SAID_S = 1.0  # between words of how far a file is read


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
    _runs: dict[Path, Run] = field(default_factory=dict)  # by their folders

    def __post_init__(self) -> None:
        self._library = Library(self.version.root)
        self._refusals = Refusals(self.version.root, forget=self.again)
        self._began = time.monotonic()
        self.renew(self.bridge)
        if self.settings.renderer == HOST and self.bridge is None:
            raise UsageError(
                "renderer = host: no webui with Train Tools is running; start it, or set renderer=diffusers"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The renderers that may be taken, the best first."""
        if self.settings.renderer != AUTO:
            return (self.settings.renderer,)
        return (HOST, *OWN) if self.bridge is not None else OWN

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
        new = {run.folder: run for run in runs}
        if not new.keys() <= self._runs.keys():
            self._runs |= new
            self._forget()

    def facts(self, base_model: Path) -> BaseFacts:
        if base_model not in self._facts:
            trained = (run for run in self._runs.values() if run.base_model == base_model)
            self._facts[base_model] = facts_of(base_model, trained)
        return self._facts[base_model]

    def ways(self, base_model: Path) -> Ways:
        """How the pictures on a base model are made."""
        if base_model not in self._ways:
            self._ways[base_model] = ways_of(self.settings, self.facts(base_model))
        return self._ways[base_model]

    def refuse(self, drawn: Drawn, base_model: Path, sentence: str, *, is_sure: bool) -> Drawn | None:
        """What draws on this base model now can't; what does from now on, None: nothing else."""
        if drawn.renderer == HOST and self._host is not None:
            self._refusals.add(self._host.name, self.look(base_model).token, sentence, keep=is_sure)
        self._forget()
        chosen = self._choose(base_model)
        return chosen if chosen.renderer != drawn.renderer else None

    def refuse_schedules(self, base_models: Iterable[Path]) -> None:
        """Raises UsageError where nothing but a sampler or scheduler that somebody chose is in the way."""
        for base_model in base_models if self.bridge is None else ():
            usual = ways_of(
                replace(self.settings, sampler=(), scheduler=()), self.facts(base_model)
            ).schedules
            for name in self.names:
                if self._able(name, base_model, usual).share:
                    raise UsageError(self._able(name, base_model, self.ways(base_model).schedules).why_not)

    def drawn(self, run: Run, base_model: Path) -> Drawn:
        """How the pictures of a run on a base model are drawn."""
        place = run.folder, base_model
        if place not in self._drawn:
            if base_model not in self._chosen:
                self._chosen[base_model] = self._choose(base_model)
            chosen = self._chosen[base_model]
            with_parts = self._with_host if chosen.renderer == HOST else self._by_ourselves
            self._drawn[place] = with_parts(chosen, parts_of(run, base_model, self.settings.vae))
        return self._drawn[place]

    def _forget(self) -> None:
        """What was chosen."""
        self._chosen: dict[Path, Drawn] = {}
        self._drawn: dict[tuple[Path, Path], Drawn] = {}
        self._facts: dict[Path, BaseFacts] = {}
        self._ways: dict[Path, Ways] = {}

    def _choose(self, base_model: Path) -> Drawn:
        """The one that can draw most of what is asked; of equal ones the first."""
        candidates = [self._asked(name, base_model) for name in self.names]
        drawn, can_draw = best = max(candidates, key=lambda candidate: candidate[1])
        if not can_draw and self.is_gone and drawn.renderer == HOST:
            return drawn
        if not can_draw:
            told = dict.fromkeys(candidate[0].error for candidate in candidates)
            return replace(drawn, because="", error="; ".join(text for text in told if text))
        if self.settings.renderer != AUTO:
            return replace(drawn, because=f"renderer = {self.settings.renderer}", error="")
        if drawn.renderer != HOST:
            better = [candidate for candidate, _ in candidates[: candidates.index(best)]]
            lacking = [one.error for one in better if one.renderer != HOST or not self.is_gone]
            drawn = replace(drawn, because="; ".join(filter(None, (self._no_host, *lacking))))
        return replace(drawn, error="")

    @property
    def _no_host(self) -> str:
        return WENT_AWAY if self.is_gone else "" if self.bridge is not None else NO_WEBUI

    def _asked(self, name: str, base_model: Path) -> tuple[Drawn, float]:
        """One renderer, with the share of what is asked that it can draw; its `error` says what it can't."""
        if name == HOST:
            return self._asked_host(base_model)
        found = self._able(name, base_model, self.ways(base_model).schedules)
        return Drawn(name, "", base_model, host=SHOWN[name], error=found.why_not), found.share

    def _able(self, name: str, base_model: Path, schedules: Sequence[Schedule]) -> Able:
        return able(name, base_model, self.facts(base_model), self._shown_on(base_model), schedules)

    def _shown_on(self, base_model: Path) -> list[Mapping[str, Any]]:
        """The arguments of the runs whose LoRAs are drawn on this base model; of a network only where one is drawn."""
        is_for_all = str(base_model) in self.settings.base_models
        runs = [run for run in self._runs.values() if is_for_all or run.base_model == base_model]
        if any(map(any, weights_of(self.settings))):
            return [run.arguments for run in runs]
        return [{n: v for n, v in run.arguments.items() if not n.startswith("network_")} for run in runs]

    def _asked_host(self, base_model: Path) -> tuple[Drawn, float]:
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
        ways = self.ways(base_model)
        if any(ways.rescales) and not ways.own_rescale:
            return Drawn(HOST, "", model, error="the webui's txt2img doesn't rescale guidance"), 0
        lacking = [text for schedule in ways.schedules if (text := host.lacks(*schedule))]
        return Drawn(HOST, because, model, error="; ".join(lacking)), 1 - len(lacking) / len(ways.schedules)

    def _with_host(self, chosen: Drawn, parts: Parts) -> Drawn:
        host = self._host
        assert host is not None
        vae, modules = parts if host.has_vaes else (parts[0] or None, parts[1] or None)
        facts = host.in_force(vae, modules)
        shown = " + ".join(name for name in (str(facts.get("vae", "")), *facts.get("modules", ())) if name)
        if vae:
            facts["vae"] = f"{Path(vae).name} {self.look(Path(vae)).token}"
        return replace(
            chosen, vae=vae, modules=modules, force=_as_text(facts), host=host.name, vae_name=shown
        )

    def _by_ourselves(self, chosen: Drawn, parts: Parts) -> Drawn:
        vae, modules = parts[0] or "", parts[1] or ()
        facts: dict[str, Any] = {"vae": self.look(Path(vae)).token} if vae else {}
        if chosen.renderer == SD_SCRIPTS and (code := through_sd_scripts.code_in_force()):
            facts["sd-scripts"] = code
        if modules:
            facts["modules"] = [self.look(Path(file)).token for file in modules]
        shown = " + ".join(Path(file).name for file in (vae, *modules) if file)
        return replace(
            chosen, vae=vae, modules=modules or None, force=_as_text(facts) if facts else "", vae_name=shown
        )

    def _look(self, path: Path) -> Look:
        if not self.waits:
            return self._library.look(path)

        def said(done: int, of: int) -> None:
            if time.monotonic() - self._began < SAID_S:
                return
            self._began = time.monotonic()
            self.reading(f"{path.name} is read once, to know it again: {done / of:.0%}")

        return self._library.read(path, said)


def _as_text(facts: object) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False)
