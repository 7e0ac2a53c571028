"""What renders cells: the interface of `host`, `diffusers` and `sd-scripts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from train_tools.hosts.interface import BaseModel, Folders

from .cells import Cell

# The webui's own pipeline, our packed one, a process in sd-scripts' environment: the first that can is taken.
NAMES = HOST, PACKED, SD_SCRIPTS = "host", "diffusers", "sd-scripts"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: a picture with its generation parameters, or an error in a sentence."""

    cell: Cell
    picture: Image.Image | None
    infotext: str = ""
    error: str = ""


Finished = Callable[[Outcome], None]


class RefusedBaseError(Exception):
    """The renderer can't draw on a base model after all. `is_sure`: it said so itself; else it failed twice at once."""

    def __init__(self, cell: Cell, sentence: str, *, is_sure: bool) -> None:
        super().__init__(sentence)
        self.cell = cell
        self.sentence = sentence
        self.is_sure = is_sure


class Renderer(Protocol):
    @property
    def name(self) -> str:
        """One of NAMES; pictures of different renderers are different."""
        ...

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        """Calls `finished` once for each cell, in any order; what goes wrong with one doesn't stop the others.

        Raises RefusedBaseError, or HostGoneError where the host went away; the cells that are left can be tried again.
        """
        ...


class Bridge(Protocol):
    """A webui that renders for us, as `hosts.bridge_client.BridgeClient`; each may raise HostError."""

    def base_models(self) -> list[BaseModel]: ...

    def samplers(self) -> list[str]: ...

    def schedulers(self) -> list[str]: ...

    def folders(self) -> Folders: ...

    def picture_settings(self) -> Mapping[str, Any]: ...

    def render(self, request: Mapping[str, Any]) -> bytes:
        """A PNG with the webui's infotext; raises TrainToolsError. `hosts.webui_render` has the request's keys."""
        ...


Connect = Callable[[], Bridge | None]  # a webui that runs now
