"""Which host there is: this process, one that offers its bridge for a root, or none."""

from __future__ import annotations

from pathlib import Path

from train_tools.hosts import modules
from train_tools.hosts.bridge_client import find
from train_tools.hosts.interface import Host
from train_tools.hosts.standalone import Standalone


def host_of(root: Path) -> Host:
    """The host for what lies under `root`."""
    if modules.is_here():
        from train_tools.hosts.webui import Webui

        return Webui()
    return find(root) or Standalone(root)
