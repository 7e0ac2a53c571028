"""What renders cells: the interface of `diffusers` and `host`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from train_tools.errors import UsageError

from .cells import Cell
from .settings import PreviewSettings


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: a picture with its generation parameters, or an error in a sentence."""

    cell: Cell
    picture: Image.Image | None
    infotext: str = ""
    error: str = ""


Finished = Callable[[Outcome], None]


class Renderer(Protocol):
    @property
    def name(self) -> str:
        """`diffusers` or `host`; pictures of different renderers are different."""
        ...

    def check(self, cells: Sequence[Cell]) -> None:
        """Raises UsageError where the settings can't be rendered at all."""
        ...

    def render(self, cells: Sequence[Cell], finished: Finished) -> None:
        """Calls `finished` once for each cell, in any order; what goes wrong with one doesn't stop the others."""
        ...


class Bridge(Protocol):
    """A webui that renders for us, as `hosts.bridge_client.BridgeClient`."""

    def render(self, request: Mapping[str, Any]) -> bytes:
        """A PNG with the webui's infotext; raises TrainToolsError. `hosts.webui_render` has the request's keys."""
        ...


def renderer_for(settings: PreviewSettings, bridge: Bridge | None) -> Renderer:
    """Raises UsageError where a host is asked for and none is there."""
    if settings.renderer == "host" and bridge is None:
        raise UsageError(
            "renderer = host: no webui with Train Tools is running; start it, or set renderer=diffusers"
        )
    if settings.renderer != "diffusers" and bridge is not None:
        from .through_host import HostRenderer

        return HostRenderer(bridge)
    from .packed import PackedRenderer

    return PackedRenderer(settings.batch_cells)
