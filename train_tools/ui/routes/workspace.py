"""Projects and versions."""

from __future__ import annotations

from typing import Any

from train_tools.ui.routing import Call, get
from train_tools.workspace.summary import VersionSummary, summarize_projects


def projects(call: Call) -> list[dict[str, Any]]:
    """Those changed last come first."""
    return [
        {
            "name": found.project.name,
            "changed": found.changed,
            "versions": list(map(_version, found.versions)),
        }
        for found in summarize_projects(call.workspace)
    ]


def _version(summary: VersionSummary) -> dict[str, Any]:
    names = ("originals", "images", "captions", "runs", "checkpoints", "bytes", "changed")
    return {"name": summary.version.name} | {name: getattr(summary, name) for name in names}


ROUTES = [get("/api/projects", projects)]
