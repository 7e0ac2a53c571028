"""Frees the GPU for a training and gives it back, with the calls that each webui really needs.

AUTOMATIC1111: `unload_model_weights` moves the model to RAM and nothing moves it back by itself, so where pictures
wait it is `send_model_to_cpu` / `send_model_to_device`; a model that was let go whole is loaded again by the next
picture. Forge: those calls are empty there; `backend.memory_management` frees, and every picture loads what it needs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from train_tools.hosts import modules
from train_tools.hosts.interface import KEEP, SHARE, HostError


class Memory(Protocol):
    """Every call is made while the webui's queue lock is held."""

    def move_out(self) -> None:
        """Off the GPU; what comes meanwhile must not find the model half there, so the lock stays held."""
        ...

    def move_back(self) -> None: ...

    def let_go(self) -> None:
        """Out of all memory; the next picture loads it again."""
        ...


class Automatic1111:
    def __init__(self, sd_models: Any) -> None:
        self._sd_models = sd_models

    def _loaded(self) -> list[Any]:
        data = self._sd_models.model_data
        models = list(getattr(data, "loaded_sd_models", []))
        if data.sd_model is not None and all(data.sd_model is not model for model in models):
            models.append(data.sd_model)
        return models

    def move_out(self) -> None:
        for model in self._loaded():
            self._sd_models.send_model_to_cpu(model)
        collect()

    def move_back(self) -> None:
        model = self._sd_models.model_data.sd_model
        if model is not None:
            self._sd_models.send_model_to_device(model)

    def let_go(self) -> None:
        data = self._sd_models.model_data
        for model in self._loaded():
            self._sd_models.send_model_to_trash(model)
        if hasattr(data, "loaded_sd_models"):
            data.loaded_sd_models.clear()
        data.sd_model = None
        self._sd_models.checkpoints_loaded.clear()
        collect()


class Forge:
    def __init__(self, sd_models: Any, management: Any) -> None:
        self._sd_models = sd_models
        self._management = management

    def move_out(self) -> None:
        self._management.unload_all_models()
        self._management.soft_empty_cache()

    def move_back(self) -> None:
        pass  # every picture loads what it needs

    def let_go(self) -> None:
        self.move_out()
        data = self._sd_models.model_data
        data.sd_model = self._sd_models.FakeInitialModel()
        data.forge_hash = ""  # else the next picture would take the model for loaded
        gc.collect()
        self._management.soft_empty_cache()


def collect() -> None:
    gc.collect()
    torch_gc = modules.part("devices", "torch_gc")
    if torch_gc is not None:
        torch_gc()


def memory_of() -> Memory | None:
    """By what is there, most telling first; None where neither way exists."""
    sd_models = modules.module("sd_models")
    data = getattr(sd_models, "model_data", None)
    if hasattr(data, "forge_hash"):
        management = modules.anywhere("backend.memory_management")
        if hasattr(management, "unload_all_models") and hasattr(sd_models, "FakeInitialModel"):
            return Forge(sd_models, management)
        return None
    needed = ("send_model_to_cpu", "send_model_to_device", "send_model_to_trash", "checkpoints_loaded")
    if data is not None and all(hasattr(sd_models, name) for name in needed):
        return Automatic1111(sd_models)
    return None


@contextmanager
def memory_lent(mode: str) -> Iterator[None]:
    """See Host.memory_lent. Raises HostError where this webui has no way."""
    if mode == KEEP:
        yield
        return
    memory = memory_of()
    if memory is None:
        raise HostError("this webui doesn't let extensions free its memory")
    lock = modules.queue_lock()
    if mode == SHARE:
        with lock:
            memory.let_go()
        yield
        return
    with lock:
        try:
            memory.move_out()
            yield
        finally:
            memory.move_back()
