"""What isn't taken from people who reach an exposed page from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.hosts import bridge_client
from train_tools.hosts.interface import Host
from train_tools.hosts.standalone import Standalone
from train_tools.planning.exposure import Folders, refuse_exposed
from train_tools.ui.routing import Call


def host_of(root: Path) -> Host:
    """The webui that runs for this root, else what Train Tools can do by itself."""
    return bridge_client.find(root) or Standalone(root)


def check_exposed(call: Call, changes: Mapping[str, Any]) -> None:
    """Raises UsageError where the page is exposed and a setting loads code or leaves the folders."""
    if call.exposed:
        models = host_of(call.root).folders().models
        refuse_exposed(changes, Folders(call.root, (models,) if models else ()))
