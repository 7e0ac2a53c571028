"""Which host this process is."""

from __future__ import annotations

from . import webui
from .interface import Host


def current() -> Host | None:
    """None where Train Tools runs by itself."""
    return webui.Webui() if webui.is_here() else None
