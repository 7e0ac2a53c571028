"""Folders that a LoRA may be published to without anybody typing their paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from train_tools.compare import history
from train_tools.compare.place import PUBLISHED
from train_tools.errors import TrainToolsError
from train_tools.hosts import bridge_client
from train_tools.workspace.workspace import Version

OWN = "published"  # below <root>/train_tools, for who has no webui


def known_folders(
    version: Version, root: Path, host_folders: Sequence[Path], *, with_used: bool = True
) -> list[Path]:
    """The webui's, those used before (the last first), and one of our own, which is made."""
    own = root.absolute() / "train_tools" / OWN
    own.mkdir(parents=True, exist_ok=True)
    records = history.read(version, PUBLISHED) if with_used else []
    used = [Path(str(record.get("folder"))) for record in reversed(records)]
    found = [*host_folders, *used, own]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def tell_host(root: Path, folder: Path) -> list[str]:
    """Where the webui that runs for `root` looks into `folder`, it looks for new LoRAs; what kept it from that."""
    try:
        host = bridge_client.find(root)
        if host is not None and any(_is_below(folder, lora) for lora in host.folders().loras):
            host.rescan_loras()
    except TrainToolsError as error:
        return [f"the webui doesn't show it before its next refresh: {error}"]
    return []


def _is_below(folder: Path, top: Path) -> bool:
    return folder.resolve().is_relative_to(top.resolve())
