"""Frees the GPU for a training and gives it back, with the calls that each webui really needs, and measures what came.

AUTOMATIC1111: `unload_model_weights` moves the model to RAM and nothing moves it back by itself, so where pictures
wait it is `send_model_to_cpu` / `send_model_to_device`; a model that was let go whole is loaded again by the next
picture. Forge and those after it have a management of their own, which loads what each picture needs; there
`send_model_to_*` are gone or do nothing.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import CodeType
from typing import Any, Protocol

from train_tools.hosts import modules
from train_tools.hosts.interface import KEEP, SHARE, HostError, Lent, MemorySeen, Remembered

# Forge and Neo; reForge and Classic.
MANAGEMENTS = ("backend.memory_management", "ldm_patched.modules.model_management")
SENDING = ("send_model_to_cpu", "send_model_to_device", "send_model_to_trash", "checkpoints_loaded")


class Memory(Protocol):
    """Every call is made while the webui's queue lock is held."""

    def move_out(self) -> None:
        """Off the GPU; what comes meanwhile must not find the model half there, so the lock stays held."""
        ...

    def move_back(self) -> None: ...

    def let_go(self) -> None:
        """Out of all memory; the next picture loads it again."""
        ...

    def on_gpu(self) -> int | None:
        """How many models are still there; None where that can't be told."""
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
        with loading_awaited(self._sd_models.model_data):
            for model in self._loaded():
                self._sd_models.send_model_to_cpu(model)
        collect()

    def move_back(self) -> None:
        model = self._sd_models.model_data.sd_model
        if model is not None:
            self._sd_models.send_model_to_device(model)

    def let_go(self) -> None:
        data = self._sd_models.model_data
        with loading_awaited(data):
            for model in self._loaded():
                self._sd_models.send_model_to_trash(model)
            forget(self._sd_models)
        collect()

    def on_gpu(self) -> int | None:
        with suppress(AttributeError, RuntimeError):  # a model of an extension's own kind
            return sum(
                any(parameter.device.type not in ("cpu", "meta") for parameter in model.parameters())
                for model in self._loaded()
            )
        return None


class Managed:
    """Forge, Neo (`backend.memory_management`), reForge, Classic (`ldm_patched…model_management`)."""

    def __init__(self, sd_models: Any, management: Any) -> None:
        self._sd_models = sd_models
        self._management = management

    def move_out(self) -> None:
        with loading_awaited(self._sd_models.model_data):
            self._management.unload_all_models()
        self._management.soft_empty_cache()

    def move_back(self) -> None:
        pass  # every picture loads what it needs

    def let_go(self) -> None:
        self.move_out()
        forget(self._sd_models)
        gc.collect()
        self._management.soft_empty_cache()

    def on_gpu(self) -> int | None:
        loaded = getattr(self._management, "current_loaded_models", None)
        if loaded is None:
            return None
        device = getattr(self._management, "get_torch_device", lambda: None)()
        return sum(1 for model in list(loaded) if is_on(model, device))


def is_on(model: Any, device: Any) -> bool:
    """Whether a LoadedModel of the webui's management is there; some stay on the CPU, and some are gone already."""
    is_dead = getattr(model, "is_dead", None)
    place = getattr(model, "device", device)
    return (device is None or place is None or place == device) and not (callable(is_dead) and is_dead())


def forget(sd_models: Any) -> None:
    """Nothing of the webui refers to its models any more, so that no second one is held beside them later."""
    data = sd_models.model_data
    for kept in (getattr(data, "loaded_sd_models", None), getattr(sd_models, "checkpoints_loaded", None)):
        if kept is not None:
            kept.clear()
    # What stands for "none loaded yet" there.
    none_yet = getattr(sd_models, "FakeInitialModel", None)
    data.sd_model = None if none_yet is None else none_yet()
    if hasattr(data, "forge_hash"):
        data.forge_hash = ""  # else the next picture would take the model for loaded
    shared = modules.module("shared")
    if shared is not None and "sd_model" in vars(shared):  # elsewhere it is a property of model_data's
        vars(shared)["sd_model"] = data.sd_model


def loading_awaited(data: Any) -> Any:
    """The webui loads its model at its start in a thread that asks for no queue lock, but holds this one."""
    lock = getattr(data, "lock", None)
    return lock if hasattr(lock, "__enter__") else nullcontext()


def collect() -> None:
    gc.collect()
    torch_gc = modules.part("devices", "torch_gc")
    if torch_gc is not None:
        torch_gc()


def memory_of() -> Memory | None:
    """By what is there and does something; None where no way does."""
    sd_models = modules.module("sd_models")
    if getattr(sd_models, "model_data", None) is None:
        return None
    if all(hasattr(sd_models, name) for name in SENDING) and not does_nothing(
        getattr(sd_models, "send_model_to_cpu", None)
    ):
        return Automatic1111(sd_models)
    for name in MANAGEMENTS:
        management = sys.modules.get(
            name
        )  # the webui has loaded its own; an extension's copy isn't looked for
        if hasattr(management, "unload_all_models") and hasattr(management, "soft_empty_cache"):
            return Managed(sd_models, management)
    return None


def does_nothing(function: object) -> bool:
    """Whether its body is `pass`: webuis that free memory in another way keep such functions for extensions."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and code.co_code == _nothing.__code__.co_code and not code.co_names


def _nothing(_model: object) -> None:
    pass


def allocated() -> int | None:
    """Bytes of the GPU that this process's tensors take; None where there is no such GPU."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_available():
        return None
    return sum(int(cuda.memory_allocated(index)) for index in range(cuda.device_count()))


class Looking:
    """`again` moves out what came meanwhile."""

    def __init__(self, measure: Callable[[], MemorySeen], again: Callable[[], None]) -> None:
        self._measure = measure
        self._again = again
        self._turn = threading.Lock()

    def look(self) -> MemorySeen:
        with self._turn:
            seen = self._measure()
            if seen.models:
                self._again()
                seen = self._measure()
            return seen


@contextmanager
def memory_lent(mode: str) -> Iterator[Lent]:
    """See Host.memory_lent. Raises HostError where this webui has no way."""
    if mode == KEEP:
        yield Remembered()
        return
    memory = memory_of()
    if memory is None:
        raise HostError("this webui doesn't let extensions free its memory")
    lock = modules.queue_lock()

    def measure() -> MemorySeen:
        return MemorySeen(memory.on_gpu(), allocated())

    if mode == SHARE:
        with lock:
            memory.let_go()
            seen = measure()
        yield Remembered(seen)  # what is loaded later is meant to be
        return
    with lock:
        try:
            memory.move_out()
            yield Looking(measure, memory.move_out)
        finally:
            memory.move_back()
