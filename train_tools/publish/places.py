"""Folders that a LoRA may be published to without anybody typing their paths."""

from __future__ import annotations

from pathlib import Path

from train_tools.compare import history
from train_tools.compare.place import PUBLISHED
from train_tools.workspace.workspace import Version

OWN = "published"  # below <root>/train_tools, for who has no webui


def known_folders(version: Version, root: Path, host_folder: Path | None) -> list[Path]:
    """The webui's, those used before (the last first), and one of our own, which is made."""
    own = root.absolute() / "train_tools" / OWN
    own.mkdir(parents=True, exist_ok=True)
    used = [Path(str(record.get("folder"))) for record in reversed(history.read(version, PUBLISHED))]
    found = [*([host_folder] if host_folder else []), *used, own]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]
