"""The Data panel: uploads, originals, settings of processing, the images made, regularisation images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.routing import Route

from train_tools.dataset import inbox
from train_tools.dataset.revision import FILE as REVISION
from train_tools.ui.routes import (
    data_by_hand,
    data_jobs,
    data_originals,
    data_sets,
    data_settings,
    data_uploads,
)
from train_tools.ui.routing import Call, get
from train_tools.workspace.workspace import Version


def state(call: Call) -> dict[str, Any]:
    """What the page asks again and again: small, and quick however many images there are.

    `stamps` change with what they are called after; the page then asks for that anew.
    """
    version = call.version
    return {
        "stamps": stamps(version),
        "jobs": data_jobs.recent(version),
        "uploads": inbox.waiting(version),
    }


def stamps(version: Version) -> dict[str, str]:
    return {
        "originals": data_originals.stamp(version),
        "images": data_sets.images_stamp(version),
        "reg": data_sets.reg_stamp(version),
        "revisions": data_sets.revisions_stamp(version),
        "settings": data_settings.stamp(version),
        "revision": _time(version.processed / REVISION),
    }


def _time(path: Path) -> str:
    try:
        return str(path.stat().st_mtime_ns)
    except OSError:
        return ""


ROUTES: list[Route] = [
    get("/api/v/{project}/{version}/data/state", state),
    *data_jobs.ROUTES,
    *data_uploads.ROUTES,
    *data_originals.ROUTES,
    *data_by_hand.ROUTES,
    *data_settings.ROUTES,
    *data_sets.ROUTES,
]
