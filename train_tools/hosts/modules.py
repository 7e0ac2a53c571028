"""The webui's modules, looked at carefully: each may be absent, or lack what another version has."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from train_tools.hosts.interface import HostError

LONGEST = 200  # characters of an error that are told


def module(name: str) -> ModuleType | None:
    """`modules.<name>` where the webui has it."""
    return anywhere(f"modules.{name}")


def anywhere(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def part(name: str, attribute: str) -> Any:
    """`modules.<name>.<attribute>`, None where either is absent."""
    return getattr(module(name), attribute, None)


def command_option(name: str, default: Any = None) -> Any:
    """What the webui was started with."""
    return getattr(part("shared", "cmd_opts"), name, default)


def option(name: str, default: Any = None) -> Any:
    """What is set on the webui's settings page, or the webui's own default; `default` where it has no such option."""
    opts = part("shared", "opts")
    data = getattr(opts, "data", None)
    if isinstance(data, dict) and name in data:
        return data[name]
    return getattr((getattr(opts, "data_labels", None) or {}).get(name), "default", default)


def queue_lock() -> Any:
    """The webui's own lock: whoever holds it has the GPU alone."""
    lock = part("call_queue", "queue_lock")
    if lock is None:
        raise HostError("this webui has no queue lock, so its models can't be used safely")
    return lock


def line_of(error: BaseException) -> str:
    """What a webui's own code raised, as a part of a sentence."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:LONGEST]}" if lines else type(error).__name__


def is_here() -> bool:
    """Whether this process is a webui; its own modules are loaded long before an extension's."""
    return "modules.shared" in sys.modules
