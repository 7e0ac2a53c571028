"""What is computed of images and texts, kept for other packs and other days: `<root>/train_tools/cache/<kind>/`.

A file for each thing, named by a hash of everything that it depends on. One that is damaged or that another program put
there is made anew. What nobody asked for in two weeks is taken away, and the oldest of what is more than fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from train_tools.base_model.identity import Library, file_hash
from train_tools.engines.packed.state import checksum
from train_tools.workspace.files import temporary_sibling
from train_tools.workspace.run_folder import caches_of, root_of

RECIPE = 1  # raised when something is computed otherwise
MOST_BYTES = 16 << 30  # of one kind
UNUSED_DAYS = 14
ENDING = ".safetensors"


class Kept:
    """Of one kind. Where nothing can be written, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, key: str) -> dict[str, Tensor] | None:
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            with safe_open(path, "pt") as file:
                said = json.loads((file.metadata() or {})["checksums"])
                found = {name: file.get_tensor(name).clone() for name in said}
            if any(checksum(tensor) != said[name] for name, tensor in found.items()):
                return None
            os.utime(path)  # used now
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        if self._folder is None:
            return
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        said = {"checksums": json.dumps({name: checksum(tensor) for name, tensor in whole.items()})}
        path = self._path(key)
        temporary = temporary_sibling(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(save(whole, said))  # not synced: what a power cut damages is made anew
            temporary.replace(path)
        except OSError:  # a full disk
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def tidy(self, now: float | None = None) -> None:
        """Takes away what is unused, and what is too much."""
        if self._folder is None:
            return
        oldest = (time.time() if now is None else now) - UNUSED_DAYS * 86_400
        found = []
        for path in self._folder.glob(f"??/*{ENDING}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = 0
        for used, size, path in sorted(found, reverse=True):
            total += size
            if used < oldest or total > MOST_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / f"{key}{ENDING}"


NOTHING_KEPT = Kept(None)


def key_of(*parts: Any) -> str:
    """Of JSON values."""
    text = json.dumps([RECIPE, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def kept_beside(run: Path, kind: str, content: str) -> Kept:
    """The one of the run's root. `content` stands for the model that computes: of an unknown one nothing is kept."""
    caches = caches_of(run)
    return Kept(caches / kind if caches and content else None)


def content_of(model: Path, run: Path) -> str:
    """What stands for a model's content, remembered in the run's root; empty where it can't be read."""
    root = root_of(run)
    if root is None:
        return file_hash(model) if model.is_file() else ""
    return Library(root).read(model).sha256
