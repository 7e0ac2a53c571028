"""Settings of processing, saved as one changes them, and what they make of one picture."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from PIL import Image

from train_tools.captioning.settings import CaptioningSettings
from train_tools.dataset.by_hand import FILE as BY_HAND
from train_tools.dataset.preview_image import find_original, preview_image
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError
from train_tools.ui.fields import field_of
from train_tools.ui.routes.data_originals import times
from train_tools.ui.routing import Call, get, post
from train_tools.workspace.catalogue import Entry, as_text, entries_of
from train_tools.workspace.lock import writing
from train_tools.workspace.settings import build, preview_change, read, unknown_name, update
from train_tools.workspace.workspace import Version

SECTION = "dataset"
NAMES = tuple(field.name for field in fields(DatasetSettings))


def stamp(version: Version) -> str:
    return times([version.settings_file])


def settings(call: Call) -> Any:
    """`values` are texts of what is set; a setting that isn't there has its default."""
    version = call.version
    entries = entries_of(SECTION, DatasetSettings)
    return {
        "stamp": stamp(version),
        "entries": [_entry(entry, call) for entry in entries],
        "values": {name: as_text(value) for name, value in _saved(version).items()},
        "prefix": preview_change(version, "captioning", CaptioningSettings, {}).prefix,
    }


def _entry(entry: Entry, call: Call) -> dict[str, Any]:
    default = call.version.project if entry.name == "concept" else entry.default
    return {**field_of(entry, call.language), "default": default}


def _saved(version: Version) -> dict[str, Any]:
    return {name: value for name, value in read(version)[SECTION].items() if name in NAMES}


def save(call: Call) -> Any:
    """`changes` are texts; an empty one takes a setting back to its default. All of them or none are saved."""
    version, changes = call.version, _changes(call)
    with writing(version, "changing settings"):
        checked = _with(version, changes)
        update(version, SECTION, {n: getattr(checked, n) if text else None for n, text in changes.items()})
    return {"stamp": stamp(version)}


def _changes(call: Call) -> Mapping[str, str]:
    changes: dict[str, str] = call.field("changes", dict, {})
    for name, text in changes.items():
        if name not in NAMES:
            raise UsageError(unknown_name(name, list(NAMES)))
        if not isinstance(text, str):
            raise UsageError(f"setting {name} must be sent as text")
    return changes


def _with(version: Version, changes: Mapping[str, str]) -> DatasetSettings:
    saved = {name: value for name, value in _saved(version).items() if name not in changes}
    return build(DatasetSettings, {**saved, **{name: text for name, text in changes.items() if text}})


def preview(call: Call) -> Any:
    """What the settings with `changes` over them make of the original `name`; nothing is written.

    No value where it was deleted in the moment before: the page will ask for another one.
    """
    version, name = call.version, call.field("name")
    chosen = _with(version, _changes(call))
    try:
        path = find_original(version, name).path
    except UsageError:
        return {"stamp": "", "value": None}
    seen = repr((name, times([path, version.origin.parent / BY_HAND]), asdict(chosen)))
    key = (version.folder, "preview")
    return call.request.app.state.later.answer(
        key, hashlib.sha256(seen.encode()).hexdigest()[:16], lambda: _preview(version, name, chosen)
    )


def _preview(version: Version, name: str, chosen: DatasetSettings) -> dict[str, Any]:
    made = preview_image(version, name, chosen)
    return {
        "name": made.name,
        "width": made.width,
        "height": made.height,
        "note": made.note,
        "overlay": _as_address(made.overlay),
        "pictures": [
            {**asdict(plan), "image": _as_address(image)}
            for plan, image in zip(made.pictures, made.small, strict=True)
        ],
    }


def _as_address(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


BASE = "/api/v/{project}/{version}/data"
ROUTES = [
    get(f"{BASE}/settings", settings),
    post(f"{BASE}/settings", save),
    post(f"{BASE}/preview", preview),
]
