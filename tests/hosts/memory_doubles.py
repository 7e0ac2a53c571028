"""What frees the GPU in each webui, with the names and signatures of the real ones.

- AUTOMATIC1111 82a973c, modules/sd_models.py: SdModelData(sd_model, loaded_sd_models, was_loaded_at_least_once, lock);
  send_model_to_cpu(m), send_model_to_device(m), send_model_to_trash(m); checkpoints_loaded.
- Forge dfdcbab6: modules/sd_models.py: SdModelData(sd_model=FakeInitialModel(), forge_loading_parameters, forge_hash),
  send_model_to_*(m) are `pass`; backend/memory_management.py: current_loaded_models, unload_all_models(),
  soft_empty_cache(force=False), get_torch_device(); LoadedModel.device.
- Neo 2.26 (exo101/sd-webui-forge-neo-v3 5692d2d, webui/): as Forge without send_model_to_* and checkpoints_loaded;
  `shared.sd_model` is an attribute of its own.
- reForge 3b56b26: modules/sd_models.py: SdModelData as AUTOMATIC1111's, send_model_to_*(m) are `pass`,
  checkpoints_loaded; ldm_patched/modules/model_management.py: current_loaded_models, unload_all_models(),
  soft_empty_cache(force=False). Forge Classic has the same names.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

KINDS = ("a1111", "forge", "neo", "reforge")


class Model:
    """`place` is where its weights are."""

    lowvram = False

    def __init__(self, place: str = "cuda") -> None:
        self.place = place

    def to(self, device: str) -> None:
        self.place = device

    def parameters(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(device=SimpleNamespace(type=self.place))]


class LoadedModel:
    """Of Forge's management and those after it; Forge has no `is_dead`."""

    def __init__(self, model: Model, device: str = "cuda:0", *, dead: bool = False) -> None:
        self.model, self.device, self._dead = model, device, dead

    def is_dead(self) -> bool:
        return self._dead


class FakeInitialModel:
    pass


class SdModelData:
    """AUTOMATIC1111's and reForge's."""

    def __init__(self) -> None:
        self.sd_model: Any = None
        self.loaded_sd_models: list[Any] = []
        self.was_loaded_at_least_once = False
        self.lock = threading.Lock()


class ForgeModelData:
    def __init__(self) -> None:
        self.sd_model: Any = FakeInitialModel()
        self.forge_loading_parameters: dict[str, Any] = {}
        self.forge_hash = ""


def pass_it(m: Any) -> None:
    pass


class Webui:
    """`model` is loaded, on the GPU."""

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self.lock = threading.Lock()
        self.model = Model()
        self.loaded: list[Any] = [] if kind == "a1111" else [LoadedModel(self.model)]
        self.caches_emptied = 0
        self.sd_models = ModuleType("modules.sd_models")
        self.shared = ModuleType("modules.shared")
        self.data: Any = SdModelData() if kind in ("a1111", "reforge") else ForgeModelData()
        self.data.sd_model = self.model
        self.sd_models.__dict__["model_data"] = self.data
        if kind in ("a1111", "reforge"):
            self.data.loaded_sd_models.append(self.model)
            self.data.was_loaded_at_least_once = True
        if kind != "neo":
            self.sd_models.__dict__["checkpoints_loaded"] = OrderedDict({"a": {}})
            self.sd_models.__dict__.update(self._sending())
        if kind in ("forge", "neo"):
            self.data.forge_hash = "loaded"
            self.sd_models.__dict__["FakeInitialModel"] = FakeInitialModel
        if kind == "neo":
            self.shared.__dict__["sd_model"] = self.model
        parts = {
            "modules": ModuleType("modules"),
            "modules.sd_models": self.sd_models,
            "modules.shared": self.shared,
            "modules.devices": _module("modules.devices", torch_gc=lambda: None),
            "modules.call_queue": _module("modules.call_queue", queue_lock=self.lock),
        }
        parts["modules"].__dict__["__path__"] = []
        management = {
            "forge": "backend.memory_management",
            "neo": "backend.memory_management",
            "reforge": "ldm_patched.modules.model_management",
        }.get(kind)
        if management:
            parts[management] = _module(
                management,
                current_loaded_models=self.loaded,
                get_torch_device=lambda: "cuda:0",
                unload_all_models=self._unload_all_models,
                soft_empty_cache=self._soft_empty_cache,
            )
        for name in ("backend.memory_management", "ldm_patched.modules.model_management"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        for name, module in parts.items():
            monkeypatch.setitem(sys.modules, name, module)

    def _sending(self) -> dict[str, Any]:
        if self.kind != "a1111":
            return dict.fromkeys(
                ("send_model_to_cpu", "send_model_to_device", "send_model_to_trash"), pass_it
            )
        return {
            "send_model_to_cpu": lambda m: m.to("cpu"),
            "send_model_to_device": lambda m: m.to("cuda"),
            "send_model_to_trash": lambda m: m.to("meta"),
        }

    def _unload_all_models(self) -> None:
        for loaded in self.loaded:
            loaded.model.to("cpu")
        self.loaded.clear()

    def _soft_empty_cache(self, force: bool = False) -> None:
        self.caches_emptied += 1

    def draw(self) -> None:
        """What a picture does to the memory."""
        self.model.to("cuda")
        if not self.loaded:
            self.loaded.append(LoadedModel(self.model))


def _module(name: str, **names: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(names)
    return module
