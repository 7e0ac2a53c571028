"""AUTOMATIC1111's webui and what is built like it (Forge), from inside its process.

Every call was read off v1.10.1 and is written down with its source in tests/hosts/double.py.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from PIL import Image

from .interface import HostCaptioner


def module(name: str) -> ModuleType | None:
    """`modules.<name>` where the webui has it."""
    try:
        return importlib.import_module(f"modules.{name}")
    except ImportError:
        return None


def is_here() -> bool:
    """Whether this process is a webui; its own modules are loaded long before an extension's."""
    return "modules.shared" in sys.modules


class Webui:
    name = "webui"

    def captioners(self) -> Mapping[str, HostCaptioner]:
        found: dict[str, HostCaptioner] = {}
        interrogator = getattr(module("shared"), "interrogator", None)
        if hasattr(interrogator, "generate_caption"):
            found["blip"] = Interrogator(interrogator)
        deepbooru = getattr(module("deepbooru"), "model", None)
        if hasattr(deepbooru, "tag_multi"):
            found["deepbooru"] = Deepbooru(deepbooru)
        return found


class Interrogator:
    """BLIP as the webui's img2img tab has it."""

    def __init__(self, interrogator: Any) -> None:
        self._interrogator = interrogator

    def start(self) -> None:
        self._interrogator.load()

    def caption(self, image: Image.Image) -> str:
        # Not `interrogate`: that turns every error into the text "<error>" and adds artists' names.
        with _queue():
            return str(self._interrogator.generate_caption(image))

    def stop(self) -> None:
        self._interrogator.unload()


class Deepbooru:
    """DeepDanbooru tags; thresholds and the spelling of tags are the webui's own settings."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def start(self) -> None:
        self._model.start()

    def caption(self, image: Image.Image) -> str:
        with _queue():
            return str(self._model.tag_multi(image))

    def stop(self) -> None:
        self._model.stop()


def _queue() -> Any:
    """The webui's own lock: nothing else uses the GPU meanwhile."""
    call_queue = module("call_queue")
    if call_queue is None:
        raise ImportError("modules.call_queue")
    return call_queue.queue_lock
