"""Base models that a webui couldn't load, so that it isn't made to try them at each preview."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json

FILE = "refused.json"  # in <root>/train_tools/cache
DAY_S = 86_400.0


class Refusals:
    """Remembered for a day, for one host of one version; with `forget` what earlier previews heard doesn't count."""

    def __init__(self, root: Path, *, forget: bool) -> None:
        self._file = root / "train_tools" / "cache" / FILE
        self._known: dict[str, Any] = {} if forget else self._read()

    def told(self, host: str, model: str) -> str:
        """The host's sentence; "" where it refused nothing."""
        known = self._known.get(f"{host}|{model}")
        return str(known["sentence"]) if known else ""

    def add(self, host: str, model: str, sentence: str, *, keep: bool) -> None:
        """`keep`: beyond this preview."""
        self._known[f"{host}|{model}"] = {"sentence": sentence, "time": time.time() if keep else 0.0}
        kept = {key: entry for key, entry in self._known.items() if entry["time"]}
        with contextlib.suppress(OSError):  # a cache
            write_json(self._file, kept)

    def _read(self) -> dict[str, Any]:
        try:
            found = read_json(self._file)
            now = time.time()
            return {key: entry for key, entry in found.items() if now - entry["time"] < DAY_S}
        except (OSError, TrainToolsError, AttributeError, KeyError, TypeError):
            return {}
