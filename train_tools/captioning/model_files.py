"""Where a captioner's model lies: a local folder, or a Hugging Face hub id, which is downloaded once.

`HF_ENDPOINT` names a mirror, `HF_HOME` the folder for downloads, `HF_HUB_OFFLINE=1` forbids the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_tools.environment.hub import cache_folder
from train_tools.errors import UsageError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
HUB = "https://huggingface.co"


def model_folder(model: str, patterns: Sequence[str], needed: Sequence[str], setting: str) -> Path:
    """The folder that `model` names, with files that match `patterns`; `needed` ones are there.

    `setting` is what the user gave it by. Raises UsageError where it is neither a folder nor a hub id,
    can't be downloaded, or lacks a file.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        _require(folder, needed, setting)
        return folder
    if not HUB_ID.fullmatch(model):
        raise UsageError(
            f"{model} is neither a folder nor a hub id like owner/name; "
            f"give the folder of a model with `--set {setting}=FOLDER`"
        )
    return _downloaded(model, patterns, needed, setting)


def _downloaded(model: str, patterns: Sequence[str], needed: Sequence[str], setting: str) -> Path:
    # What is there already is taken without asking the network: the same model as last time.
    try:
        folder = _snapshot(model, patterns, local_files_only=True)
    except Exception:  # not there yet, in one of several classes of the hub's client
        folder = None
    if folder is None or missing(folder, needed):
        try:
            folder = _snapshot(model, patterns, local_files_only=False)
        except Exception as error:  # the hub's, httpx's and the system's errors
            raise UsageError(
                f"the model {model} can't be downloaded from {endpoint()} ({first_line(error)}); check its "
                f"name and the network, set HF_ENDPOINT to a mirror, or give a folder that holds it with "
                f"`--set {setting}=FOLDER`"
            ) from error
    _require(folder, needed, setting)
    return folder


def is_hub_id(model: str) -> bool:
    return HUB_ID.fullmatch(model) is not None


def is_downloaded(model: str, needed: Sequence[str]) -> bool:
    """Whether a hub id's files are here already; the network isn't asked."""
    return downloaded(model, needed) is not None


def downloaded(model: str, needed: Sequence[str]) -> Path | None:
    """The folder of a hub id's files where all are here already; the network isn't asked."""
    try:
        folder = _snapshot(model, needed, local_files_only=True)
    except Exception:  # not there, in one of several classes of the hub's client
        return None
    return None if missing(folder, needed) else folder


def _snapshot(model: str, patterns: Sequence[str], *, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download  # brings httpx, which no local folder needs

    options: dict[str, Any] = {"allow_patterns": list(patterns), "local_files_only": local_files_only}
    # Where the page's downloads put it; the hub's client remembers the variable of its own start.
    return Path(str(snapshot_download(model, endpoint=endpoint(), cache_dir=cache_folder(), **options)))


def endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def missing(folder: Path, needed: Sequence[str]) -> list[str]:
    return [name for name in needed if not (folder / name).is_file()]


def _require(folder: Path, needed: Sequence[str], setting: str) -> None:
    if absent := missing(folder, needed):
        raise UsageError(
            f"there is no {' and no '.join(absent)} in {folder}; "
            f"give the folder of another model with `--set {setting}=FOLDER`"
        )


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0] or type(error).__name__
