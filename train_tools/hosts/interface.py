"""What Train Tools asks of the program that it runs in. Only this package imports a webui's `modules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from PIL import Image

from train_tools.errors import TrainToolsError


class HostError(TrainToolsError):
    """The host failed at what it was asked for; the text is one sentence."""


class HostCaptioner(Protocol):
    """A captioner that the host has anyway."""

    def start(self) -> None:
        """Loads the model, downloading it where it isn't there; may raise anything."""
        ...

    def caption(self, image: Image.Image) -> str:
        """The caption of an RGB image of any size; may raise anything."""
        ...

    def stop(self) -> None:
        """Frees the memory that `start` took."""
        ...


class Host(Protocol):
    """A host by what it can do; what it lacks is absent."""

    @property
    def name(self) -> str: ...

    def captioners(self) -> Mapping[str, HostCaptioner]:
        """By the name of their kind: `blip`, `deepbooru`."""
        ...
