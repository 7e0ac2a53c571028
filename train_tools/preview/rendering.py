"""Renders what is missing of a preview, with whatever can draw it, also where a webui goes away or refuses a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from train_tools.hosts.interface import HostGoneError

from .cells import Cell, words_of
from .choosing import AUTO, REMAIN, WENT_AWAY, Chooser
from .pictures import save
from .plan import PreviewPlan
from .removal import set_aside
from .renderer import HOST, PACKED, SD_SCRIPTS, Connect, Outcome, RefusedBaseError
from .ways import BY_FAMILY

LOG = "sd-scripts.log"  # in previews/: what it printed last
LOOK_S = 2.0  # between looks for a webui that went away


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pictures; `text` says what the last one shows, `error` why it failed.

    `note` says what else is going on.
    """

    done: int
    total: int
    text: str = ""
    error: str = ""
    note: str = ""


Report = Callable[[Progress], None]
MakePlan = Callable[[Chooser], PreviewPlan]
Save = Callable[[Cell, Image.Image, str], None]  # with the infotext


def to_its_place(cell: Cell, picture: Image.Image, infotext: str) -> None:
    save(picture, cell.path, infotext)


class Rendering:
    """One preview. `plan` is as it stands now; `errors` are those of pictures, `left` are pictures that remain.

    `make_plan` is asked again whenever it turns out that something else has to draw.
    """

    def __init__(
        self,
        chooser: Chooser,
        make_plan: MakePlan,
        report: Report,
        connect: Connect,
        save: Save = to_its_place,
    ) -> None:
        self._version = chooser.version
        self._settings = chooser.settings
        self._chooser = chooser
        self._ask_for_plan = make_plan
        self._report = report
        self._connect = connect
        self._save = save
        self._settled: set[Path] = set()  # base models that nothing else can draw on
        self.plan = PreviewPlan((), ())
        self.errors: dict[Path, str] = {}
        self.left: set[Path] = set()
        self.drawn: dict[Path, str] = {}  # keys of the pictures that weren't there before
        self.notes: list[str] = []
        self._total = 0
        self._drawn_before = -1

    def prepare(self, *, again: bool) -> None:
        """With `again` the pictures that are there go to the trash. Raises UsageError where there is none."""
        self._make_plan()
        if again:
            set_aside(self._version, {cell.path for cell in self.plan.cells}, "preview-again")
            self._make_plan()

    def run(self) -> None:
        while missing := self._missing():
            try:
                self._render(missing)
            except HostGoneError:
                self._host_went()
            except RefusedBaseError as refused:
                self._was_refused(refused)
            else:
                return
            self._make_plan()

    @property
    def pictures(self) -> dict[Path, Cell]:
        return {cell.path: cell for cell in self.plan.cells}

    def _make_plan(self) -> None:
        while True:
            try:
                self.plan = self._ask_for_plan(self._chooser)
                return
            except HostGoneError:  # while it was asked what it has
                self._host_went()

    def _missing(self) -> list[Cell]:
        settled = self.errors.keys() | self.left
        return [c for path, c in self.pictures.items() if path not in settled and not path.is_file()]

    def _render(self, missing: Sequence[Cell]) -> None:
        self._total = len(self.drawn) + len(self.errors) + len(missing)
        whole = []
        for cell in missing:
            if error := cell.checkpoint.error if cell.recipe.has_lora else "":
                self._finished(Outcome(cell, None, error=error))
            elif cell.drawn.error.startswith(REMAIN):
                self.left.add(cell.path)
            elif cell.drawn.error:
                self._finished(Outcome(cell, None, error=cell.drawn.error))
            else:
                whole.append(cell)
        by_host = [cell for cell in whole if cell.recipe.renderer == HOST]
        if by_host and self._chooser.bridge is not None:
            from .through_host import HostRenderer

            by_family = [name for name in BY_FAMILY if not getattr(self._settings, name)]
            HostRenderer(self._chooser.bridge, self._settled, by_family).render(by_host, self._finished)
        if packed := [cell for cell in whole if cell.recipe.renderer == PACKED]:
            from .packed import PackedRenderer

            PackedRenderer(self._settings.batch_cells).render(packed, self._finished)
        if others := [cell for cell in whole if cell.recipe.renderer == SD_SCRIPTS]:
            from .through_sd_scripts.renderer import SdScriptsRenderer

            SdScriptsRenderer(self._version.folder / "previews" / LOG).render(others, self._finished)

    def _finished(self, outcome: Outcome) -> None:
        cell = outcome.cell
        if outcome.picture is None:
            self.errors[cell.path] = outcome.error
        else:
            self._save(cell, outcome.picture, outcome.infotext)
            self.drawn[cell.path] = cell.key
        self._say(words_of(cell), outcome.error)

    def _say(self, text: str = "", error: str = "", note: str = "") -> None:
        done = len(self.drawn) + len(self.errors)
        self._report(Progress(done, max(done, self._total), text, error, note))

    def _was_refused(self, refused: RefusedBaseError) -> None:
        cell = refused.cell
        now = self._chooser.refuse(cell.drawn, cell.base_model, refused.sentence, is_sure=refused.is_sure)
        if now is not None:
            self.notes.append(f"{cell.base_model.name} is drawn by {now.host}: {refused.sentence}")
            return
        self._settled.add(cell.base_model)
        for other in self._missing() if refused.is_sure else [cell]:
            if other.base_model == cell.base_model and other.recipe.renderer == cell.recipe.renderer:
                self._finished(Outcome(other, None, error=refused.sentence))

    def _host_went(self) -> None:
        """Waits for it as long as is set; then the rest is drawn without it, where that can be."""
        # One that goes away at every picture isn't waited for again.
        seconds = self._settings.wait_for_host if len(self.drawn) > self._drawn_before else 0
        self._drawn_before = len(self.drawn)
        self._say(note=f"the webui went away; waiting up to {seconds} s for it" if seconds else WENT_AWAY)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_S, left))
            bridge = self._connect()
            if bridge is not None:
                self._say(note="the webui is there again")
                self._chooser.renew(bridge)
                return
        self._chooser.host_went()
        if self._settings.renderer == AUTO:
            self.notes.append(
                "the webui went away; Train Tools draws itself what it can, all pictures on a base model alike"
            )
