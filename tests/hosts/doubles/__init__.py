"""Stand-ins for the webuis that people run, one file a host, each written from the real one (commit and date there).

`install` puts one into this process for a test. What a test looks at stands in `Double`; what a host lacks is absent
in its stand-in, too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosts.doubles.a1111 import Automatic1111, Model
from hosts.doubles.classic import Classic
from hosts.doubles.common import Double
from hosts.doubles.forge import Forge
from hosts.doubles.neo import Neo
from hosts.doubles.patched import FakeInitialModel
from hosts.doubles.reforge import ReForge
from hosts.doubles.sdnext import SdNext

if TYPE_CHECKING:
    import pytest  # webui_double.py runs where it isn't installed

HOSTS: dict[str, type[Double]] = {
    "a1111": Automatic1111, "forge": Forge, "reforge": ReForge, "classic": Classic, "neo": Neo, "sdnext": SdNext,
}  # fmt: skip
__all__ = ["HOSTS", "RENDERING", "FakeInitialModel", "Model", "install"]
RENDERING = ("a1111", "forge", "reforge", "classic", "neo")  # those that make pictures for us


def install(
    monkeypatch: pytest.MonkeyPatch, host: str = "a1111", *, folder: Path | None = None, **how: Any
) -> Any:
    """A `Double` of that host, whose modules are this process's."""
    double = HOSTS[host](folder or Path("/webui"), **how)
    double.begin()
    for name in ("modules_forge", "backend", "ldm_patched"):
        for known in [key for key in sys.modules if key.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, known)
    for name, module in double.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in double.ABSENT:
        monkeypatch.setitem(sys.modules, name, None)  # its import fails
    return double
