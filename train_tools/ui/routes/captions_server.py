"""The captioner that asks a server: which models are there, its key, and a try on one image that writes nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from train_tools.captioning.server.address import KNOWN, base_of
from train_tools.captioning.server.keys import keep_key, key_of
from train_tools.captioning.server.prompts import PRESETS
from train_tools.captioning.server.service import client_of
from train_tools.captioning.service import one_caption
from train_tools.captioning.settings import CaptioningSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.ui.routes.captions import SECTION, read
from train_tools.ui.routing import Call, post
from train_tools.ui.tasks import Task
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

NAME = "openai"


def look(call: Call) -> dict[str, Any]:
    """A task: what the server has. `key`, where it is given, is kept for this address first; empty forgets it."""
    version, key = call.version, call.field("key", object, None)
    now = _settings(call, version)
    base = base_of(now.server)
    if isinstance(key, str):
        keep_key(base, key)

    def work(_task: Task) -> dict[str, Any]:
        known = {"base": base, "has_key": bool(key_of(base)), "known": KNOWN, "prompts": PRESETS}
        try:
            return {**known, "models": client_of(now, version.root).models(), "problem": ""}
        except TrainToolsError as error:
            return {**known, "models": [], "problem": str(error)}

    return call.tasks.start(work, only_newest_of=f"captions server {version.folder}")


def attempt(call: Call) -> dict[str, Any]:
    """A task: the caption that the image of the caption `name` would get."""
    version, name = call.version, call.field("name")
    now = _settings(call, version)
    images = {one.file.name: one.file.image for one in read(call, version)}
    if name not in images:
        raise UsageError("there is no such image any more; choose another")

    def work(_task: Task) -> dict[str, Any]:
        start = time.monotonic()
        text = one_caption(version, images[name], replace(now, server_retries=0))
        return {"text": text, "seconds": round(time.monotonic() - start, 1)}

    return call.tasks.start(work, only_newest_of=f"captions try {version.folder}")


def _settings(call: Call, version: Version) -> CaptioningSettings:
    if call.exposed:
        raise UsageError("no server is asked while the page is open to others")
    given = call.field("settings", dict, {})
    if not all(isinstance(value, str) for value in given.values()):
        raise UsageError("'settings' must be texts")
    return settings.preview_change(version, SECTION, CaptioningSettings, {**given, "captioner": NAME})


BASE = "/api/v/{project}/{version}/captions/server"
ROUTES = [post(f"{BASE}/look", look), post(f"{BASE}/try", attempt)]
