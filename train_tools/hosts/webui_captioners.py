"""The captioners that a webui has anyway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostCaptioner

if TYPE_CHECKING:
    from PIL import Image


def captioners() -> Mapping[str, HostCaptioner]:
    found: dict[str, HostCaptioner] = {}
    interrogator = modules.part("shared", "interrogator")
    if hasattr(interrogator, "generate_caption"):
        found["blip"] = Interrogator(interrogator)
    deepbooru = modules.part("deepbooru", "model")
    if hasattr(deepbooru, "tag_multi"):
        found["deepbooru"] = Deepbooru(deepbooru)
    return found


class Interrogator:
    """BLIP as the webui's img2img tab has it."""

    def __init__(self, interrogator: Any) -> None:
        self._interrogator = interrogator

    def start(self) -> None:
        with modules.queue_lock():
            self._interrogator.load()

    def caption(self, image: Image.Image) -> str:
        # Not `interrogate`: that turns every error into the text "<error>" and adds artists' names.
        with modules.queue_lock():
            return str(self._interrogator.generate_caption(image))

    def stop(self) -> None:
        with modules.queue_lock():
            self._interrogator.unload()


class Deepbooru:
    """DeepDanbooru tags; thresholds and the spelling of tags are the webui's own settings."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def start(self) -> None:
        with modules.queue_lock():
            self._model.start()

    def caption(self, image: Image.Image) -> str:
        with modules.queue_lock():
            return str(self._model.tag_multi(image))

    def stop(self) -> None:
        with modules.queue_lock():
            self._model.stop()
