"""The engines there are. A new one is one row in ENGINES, before those that are to be taken only where it can't."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.engines.interface import Engine
from train_tools.engines.packed import support
from train_tools.engines.sd_scripts.engine import SdScriptsEngine
from train_tools.errors import UsageError
from train_tools.families.interface import Found


class PackedEngine:
    """Our own trainer: many runs at once over one shared base model."""

    name = "packed"
    processes = 1
    can_let_go = True
    counts_steps = True

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        return support.unsupported(arguments)

    def unsupported_base(self, base: Found) -> list[str]:
        return support.unsupported_base(base)

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        return support.pack_key(arguments)

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        return [sys.executable, "-m", "train_tools.engines.packed", *map(str, run_folders)]


AUTO = "auto"
ENGINES: dict[str, Engine] = {"packed": PackedEngine(), "sd-scripts": SdScriptsEngine()}


def engines_named(name: str) -> list[Engine]:
    """All of them, the one to be preferred first, for AUTO; else the one of that name."""
    return list(ENGINES.values()) if name == AUTO else [engine_named(name)]


def engine_named(name: str) -> Engine:
    """Raises UsageError where there is none."""
    if name not in ENGINES:
        raise UsageError(f"there is no engine {name!r}; there are: {', '.join(ENGINES)}")
    return ENGINES[name]
