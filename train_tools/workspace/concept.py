"""A project's name is its trigger word where nothing else is said; a new name must not change it behind one's back."""

from __future__ import annotations

import re

from train_tools.workspace.settings import read, update
from train_tools.workspace.workspace import Version, folders_in


def keep_concept(version: Version, project: str) -> bool:
    """Writes `project`, under which the images were processed, into the settings as their concept.

    Only where that is how they are called and no concept is set; tells whether it was needed.
    """
    if project == version.project or read(version)["dataset"].get("concept"):
        return False
    named_so = re.compile(rf"\d+_{re.escape(project)}")
    if not any(named_so.fullmatch(folder.name) for folder in folders_in(version.processed)):
        return False
    update(version, "dataset", {"concept": project})
    return True
