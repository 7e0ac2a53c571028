"""What is in an environment: every package's version, and its size on the disk, as they were when it was made."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from train_tools.environment.place import Place
from train_tools.workspace.files import write_json

FILE = "record.json"  # among the stamps


@dataclass(frozen=True)
class Record:
    """`made` in seconds since 1970, `size` in bytes; packages by their normalised name."""

    made: float = 0.0
    size: int = 0
    packages: dict[str, str] = field(default_factory=dict)


def normal(name: str) -> str:
    """A package's name as locks write it."""
    return name.lower().replace("_", "-").replace(".", "-")


def site_packages(folder: Path) -> list[Path]:
    """Where an environment keeps its packages, on Windows or elsewhere."""
    return [
        path
        for path in [folder / "Lib" / "site-packages", *folder.glob("lib/python3*/site-packages")]
        if path.is_dir()
    ]


def installed(folder: Path) -> dict[str, str]:
    """Normalised name -> version of what is installed in the environment `folder`; its Python isn't started."""
    found = {}
    for distribution in importlib.metadata.distributions(path=[str(path) for path in site_packages(folder)]):
        # One that was half-removed has a folder without a name in it.
        if name := distribution.metadata["Name"]:
            found[normal(name)] = distribution.version
    return dict(sorted(found.items()))


def size_of(folder: Path) -> int:
    """Bytes of all files in it; links aren't followed, and a file with several names counts once."""
    total, seen, waiting = 0, set(), [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                continue
            status = entry.stat(follow_symlinks=False)
            key = (status.st_dev, status.st_ino)
            if not status.st_ino or key not in seen:
                total += status.st_size
                seen.add(key)
    return total


def write(place: Place) -> Record:
    """Looks, and keeps what it saw."""
    made = Record(time.time(), size_of(place.folder), installed(place.folder))
    write_json(place.stamps / FILE, asdict(made))
    return made


def read(place: Place) -> Record:
    """Empty where there is none."""
    try:
        found = json.loads((place.stamps / FILE).read_text(encoding="utf-8"))
        return Record(float(found["made"]), int(found["size"]), dict(found["packages"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Record()
