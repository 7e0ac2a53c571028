"""Vectors of pictures, computed once for each content and model: previews/scores/<model>.npz."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.compare.scores.embedder import Embedder
from train_tools.workspace.files import write_bytes

Advance = Callable[[int], None]


class Vectors:
    """By a key that is made from the picture's content. `save` writes what was added."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _load(file)
        self._has_new = False

    def missing(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if key not in self._known]

    def add(
        self, paths: Mapping[str, Path], embedder: Embedder, batch: int, advance: Advance
    ) -> dict[str, str]:
        """Looks at the pictures of `paths` that aren't known; returns a sentence for each that can't be read."""
        faults: dict[str, str] = {}
        wanted = self.missing(paths)
        for start in range(0, len(wanted), batch):
            part = wanted[start : start + batch]
            images: dict[str, Image.Image] = {}
            for key in part:
                try:
                    with Image.open(paths[key]) as image:
                        images[key] = image.convert("RGB")
                except Exception as error:  # Pillow raises a dozen kinds on damaged data
                    faults[key] = f"{paths[key].name} can't be read ({error})"
            if images:
                rows = embedder.pictures(list(images.values()))
                self._known.update(zip(images, rows, strict=True))
                self._has_new = True
            advance(len(part))
        return faults

    def rows(self, keys: Sequence[str]) -> Any:
        import numpy as np

        return np.stack([self._known[key] for key in keys]).astype(np.float32)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def save(self, wanted: Iterable[str]) -> None:
        """Keeps those of `wanted` alone: what is no longer there would only grow."""
        import numpy as np

        kept = {key: self._known[key] for key in wanted if key in self._known}
        if not kept or (not self._has_new and len(kept) == len(self._known)):
            return
        out = io.BytesIO()
        np.savez(out, keys=np.array(list(kept)), vectors=np.stack(list(kept.values())).astype(np.float16))
        write_bytes(self._file, out.getvalue())


def _load(file: Path) -> dict[str, Any]:
    """Empty where there is no file, or a damaged one: the pictures are looked at once more."""
    import numpy as np

    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), np.load(file) as data:
        return dict(zip(data["keys"].tolist(), data["vectors"], strict=True))
    return {}


def content_key(path: Path) -> str:
    """Of a file's bytes, for pictures that have no key of their own."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
