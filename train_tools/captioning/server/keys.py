"""Keys of servers. They lie in a folder of the user's own and not below the root, whose files a webui may serve."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping

from train_tools.captioning.server.address import host_of
from train_tools.errors import TrainToolsError
from train_tools.hosts.bridge_file import folders, is_trusted, write_private

FILE = "captioning-keys.json"
OPENAI = "api.openai.com:443"


def key_of(base: str, environ: Mapping[str, str] = os.environ) -> str:
    """What a person gave for this server; OpenAI's own variable is for OpenAI alone. Empty: none."""
    host = host_of(base)
    return _known().get(host) or (environ.get("OPENAI_API_KEY", "") if host == OPENAI else "")


def keep_key(base: str, key: str) -> None:
    """An empty one is forgotten. Readable by its owner alone. Raises TrainToolsError where no folder can be written."""
    keys = _known()
    keys.pop(host_of(base), None)
    if key.strip():
        keys[host_of(base)] = key.strip()
    for folder in folders():
        with contextlib.suppress(OSError):
            write_private(folder / FILE, keys)
            return
    raise TrainToolsError("the key can't be kept: none of your folders for settings can be written")


def _known() -> dict[str, str]:
    for folder in folders():
        if is_trusted(folder):
            with contextlib.suppress(OSError, ValueError):
                found = json.loads((folder / FILE).read_text(encoding="utf-8"))
                return {str(host): str(key) for host, key in found.items()}
    return {}
