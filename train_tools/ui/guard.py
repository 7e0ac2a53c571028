"""What isn't taken from people who reach an exposed page from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.base_model.browsing import is_allowed
from train_tools.errors import UsageError
from train_tools.hosts import bridge_client
from train_tools.hosts.interface import Host
from train_tools.hosts.standalone import Standalone
from train_tools.planning.exposure import Folders, refuse_exposed
from train_tools.ui.routing import Call


def host_of(root: Path) -> Host:
    """The webui that runs for this root, else what Train Tools can do by itself."""
    return bridge_client.find(root) or Standalone(root)


def folders_of(root: Path) -> Folders:
    """What people who come over the network may name."""
    models = host_of(root).folders().models
    return Folders(root, (models,) if models else ())


def check_exposed(call: Call, changes: Mapping[str, Any]) -> None:
    """Raises UsageError where the page is exposed and a setting loads code or leaves the folders."""
    if call.exposed:
        refuse_exposed(changes, folders_of(call.root))


def may_look_at(call: Call, path: Path) -> bool:
    """Whether who asks may know of what lies there."""
    if not call.exposed:
        return True
    folders = folders_of(call.root)
    return is_allowed(path, [folders.root, *folders.models])


def refuse_others(call: Call) -> None:
    if call.exposed:
        raise UsageError("this can only be changed at the machine itself, as the page is open to others")
