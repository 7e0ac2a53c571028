"""A stand-in for what Train Tools calls of AUTOMATIC1111's webui; signatures as in v1.10.1.

Sources: modules/interrogate.py (InterrogateModels: load, generate_caption(pil_image), unload),
modules/deepbooru.py (DeepDanbooru: start, tag_multi(pil_image, force_disable_ranks=False), stop),
modules/call_queue.py (queue_lock).
"""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image


class InterrogateModels:
    def __init__(self) -> None:
        self.loaded = False

    def load(self) -> None:
        self.loaded = True

    def generate_caption(self, pil_image: Image.Image) -> str:
        assert self.loaded
        assert pil_image.mode == "RGB"
        return f"a picture of {pil_image.getpixel((0, 0))}"

    def unload(self) -> None:
        self.loaded = False


class DeepDanbooru:
    def __init__(self, *, is_offline: bool = False) -> None:
        self.is_offline = is_offline
        self.started = False

    def start(self) -> None:
        if self.is_offline:
            raise IndexError("list index out of range")
        self.started = True

    def tag_multi(self, pil_image: Image.Image, force_disable_ranks: bool = False) -> str:
        assert self.started
        return "1girl, solo"

    def stop(self) -> None:
        self.started = False


def install(monkeypatch: pytest.MonkeyPatch, *, is_offline: bool = False) -> SimpleNamespace:
    """Puts the webui's modules into this process for a test; returns its captioners."""
    parts = SimpleNamespace(interrogator=InterrogateModels(), deepbooru=DeepDanbooru(is_offline=is_offline))
    contents = {
        "modules": {"__path__": []},
        "modules.shared": {"interrogator": parts.interrogator},
        "modules.deepbooru": {"model": parts.deepbooru},
        "modules.call_queue": {"queue_lock": threading.Lock()},
    }
    for name, names in contents.items():
        module = ModuleType(name)
        module.__dict__.update(names)
        monkeypatch.setitem(sys.modules, name, module)
    return parts
