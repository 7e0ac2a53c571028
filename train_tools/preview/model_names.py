"""Base models as a person knows them: by their files' names, with folders only where two are called alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PureWindowsPath

ENDINGS = (".safetensors", ".ckpt", ".pt")


def shown_models(paths: Iterable[str]) -> dict[str, str]:
    """A name for each path, no two alike; of paths as any system writes them."""
    wanted = list(dict.fromkeys(paths))
    names = {path: _name(path, 0) for path in wanted}
    for depth in range(1, 32):
        counts = Counter(names.values())
        alike = [path for path in wanted if counts[names[path]] > 1]
        if not alike:
            break
        names |= {path: _name(path, depth) for path in alike}
    return names


def _name(path: str, folders: int) -> str:
    *above, file = PureWindowsPath(path).parts or (path,)
    stem = PureWindowsPath(file).stem if not folders and file.lower().endswith(ENDINGS) else file
    return "/".join([*(above[-folders:] if folders else ()), stem])
