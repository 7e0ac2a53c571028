"""A Hugging Face repository: which files it holds, and the folder where all programs on this machine keep theirs."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from train_tools.environment.mirror_choice import HUGGING_FACE
from train_tools.environment.network import Network
from train_tools.errors import TrainToolsError, UsageError


@dataclass(frozen=True)
class HubFile:
    """`size` in bytes; `sha256` is empty for small files, of which the hub doesn't tell it."""

    name: str
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Repository:
    """`commit` is empty where a mirror doesn't tell it."""

    id: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def names(self) -> list[str]:
        return [file.name for file in self.files]


def look_up(hub_id: str, revision: str, network: Network) -> Repository:
    """Raises UsageError where it isn't there or wants a login, TrainToolsError where the network fails."""
    url = f"{HUGGING_FACE}/api/models/{hub_id}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        with network.open(url) as response:
            found = json.load(response)
            files = tuple(map(_file, found["siblings"]))
            return Repository(hub_id, str(found.get("sha") or ""), files)
    except urllib.error.HTTPError as error:
        raise UsageError(
            f"{hub_id} can't be looked up ({error.code} {error.reason}); check the name; one that wants a login needs "
            "your token in the program's settings (hugging_face_token)"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise TrainToolsError(
            f"{network.address(url)} can't be reached ({error}); check network and mirrors"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainToolsError(
            f"{network.address(url)} gave no list of files; try without a mirror"
        ) from error


def _file(entry: Mapping[str, Any]) -> HubFile:
    lfs = entry.get("lfs") or {}
    size = entry.get("size") or lfs.get("size") or 0
    return HubFile(str(entry["rfilename"]), int(size), str(lfs.get("sha256") or "").lower())


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """As Hugging Face's own tools choose it; it may not be there."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(name):
            return Path(environ[name]).expanduser()
    caches = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(environ.get("HF_HOME") or Path(caches) / "huggingface").expanduser() / "hub"


def snapshot_of(hub_id: str, commit: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the files of that commit lie."""
    return _repository_folder(hub_id, environ) / "snapshots" / commit


def reference(hub_id: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The file that says which commit `main` is; without it nobody finds the snapshot."""
    return _repository_folder(hub_id, environ) / "refs" / "main"


def _repository_folder(hub_id: str, environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / f"models--{hub_id.replace('/', '--')}"
