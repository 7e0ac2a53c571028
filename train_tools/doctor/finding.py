"""One thing that was looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """`text` says what was seen; `fix` what to do, empty where nothing is to be done."""

    id: str
    state: str
    text: str
    fix: str = ""
