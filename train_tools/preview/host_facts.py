"""What a webui has and what is chosen in it, asked once in a preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from train_tools.base_model.identity import Look
from train_tools.hosts.interface import BaseModel, HostError, HostGoneError

from .renderer import Bridge
from .schedules import AUTOMATIC

Answer = TypeVar("Answer")


class HostFacts:
    """Raises HostGoneError where the webui went away."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.is_gone = False  # then it is what it was, as far as that is known

    def _asked(self, ask: Callable[[], Answer], nothing: Answer) -> Answer:
        """`nothing` where it can't tell: it is gone, or was started with an earlier Train Tools."""
        try:
            return nothing if self.is_gone else ask()
        except HostGoneError:
            raise
        except HostError:
            return nothing

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        return self._asked(self._bridge.picture_settings, {})

    @property
    def name(self) -> str:
        """With its version."""
        return str(self._settings.get("host", "")) or "webui"

    @property
    def has_vaes(self) -> bool:
        """Whether another VAE can be chosen."""
        return "vae" in self._settings

    def in_force(self, vae: str | None, modules: tuple[str, ...] | None) -> dict[str, Any]:
        """What decides a picture that is asked for with these, as in cells.Drawn."""
        found = dict(self._settings)
        if vae is not None:
            found["vae"] = Path(vae).name if vae else ""
        if modules is not None:
            found["modules"] = sorted(Path(file).name for file in modules)
        return found

    @cached_property
    def _models(self) -> list[BaseModel]:
        return self._asked(self._bridge.base_models, [])

    @cached_property
    def _folder(self) -> Path | None:
        return self._asked(lambda: self._bridge.folders().models, None)

    def file_of(self, base_model: Path, look: Look, look_at: Callable[[Path], Look]) -> Path | None:
        """The webui's own file of this content; None where it has none."""
        for model in self._models:
            if is_same(model.file, base_model):
                return model.file
        if not look.is_there:
            return None
        for model in self._models:
            if look.sha256 and model.sha256 == look.sha256:
                return model.file
        if look.sha256:
            for model in self._models:
                if size_of(model.file) == look.size and look_at(model.file).sha256 == look.sha256:
                    return model.file
        # One that is new there is found by the webui when it is asked for.
        return base_model if base_model.is_file() and self._is_among(base_model) else None

    def _is_among(self, file: Path) -> bool:
        folders = {model.file.parent for model in self._models}
        return file.parent in folders or (self._folder is not None and file.is_relative_to(self._folder))

    @cached_property
    def _samplers(self) -> list[str]:
        return self._asked(self._bridge.samplers, [])

    @cached_property
    def _schedulers(self) -> list[str]:
        return self._asked(self._bridge.schedulers, [])

    def lacks(self, sampler: str, scheduler: str) -> str:
        """In a sentence; "" where it has both, or can't tell."""
        if not self._samplers:
            return ""
        if not self._schedulers and scheduler != AUTOMATIC:  # before version 1.9 a sampler's name held it
            sampler = f"{sampler} {scheduler}"
        if sampler not in self._samplers:
            return f"the webui has no sampler {sampler!r}; there are: {', '.join(self._samplers)}"
        if self._schedulers and scheduler not in (AUTOMATIC, *self._schedulers):
            return f"the webui has no scheduler {scheduler!r}; there are: {', '.join(self._schedulers)}"
        return ""


def is_same(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
