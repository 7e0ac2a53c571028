"""`dataset/originals.json`: what intake and processing saw of the originals, so that nobody must decode them again.

It may be missing or old: an entry counts only as long as the file has the size and time that were seen.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from train_tools.dataset.looks import Look
from train_tools.dataset.originals import Original
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json
from train_tools.workspace.workspace import Version

FILE = "originals.json"


@dataclass(frozen=True)
class Skipped:
    """A file that isn't used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class LastIntake:
    """How the last `dataset add` ended."""

    time: str = ""
    found: int = 0
    added: int = 0
    skipped: tuple[Skipped, ...] = ()


@dataclass
class Known:
    folder: Path  # `dataset` of a version
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_intake: LastIntake = LastIntake()

    @classmethod
    def of(cls, version: Version) -> Known:
        """Empty where the file is missing or can't be read: it can be made again."""
        folder = version.origin.parent
        try:
            data = read_json(folder / FILE)
            last = data["last_intake"]
            skipped = tuple(Skipped(**one) for one in last.pop("skipped"))
            return cls(folder, dict(data["images"]), LastIntake(**last, skipped=skipped))
        except (OSError, TrainToolsError, KeyError, TypeError, ValueError, AttributeError):
            return cls(folder)

    def look(self, original: Original) -> Look | None:
        entry = self.entries.get(original.name)
        if not entry or [entry.get("bytes"), entry.get("time")] != _stamp(original.path):
            return None
        names = [f.name for f in fields(Look)]
        return Look(**{name: entry[name] for name in names}) if all(name in entry for name in names) else None

    def looks(self, originals: list[Original]) -> dict[str, Look]:
        found = ((original.name, self.look(original)) for original in originals)
        return {name: look for name, look in found if look}

    def see(self, original: Original, look: Look) -> None:
        size, time = _stamp(original.path)
        self.entries[original.name] = {"bytes": size, "time": time, **asdict(look)}

    def save(self, originals: list[Original]) -> None:
        """Keeps entries of `originals` alone. A full disk isn't an error: the file can be made again."""
        names = {original.name for original in originals}
        images = {name: entry for name, entry in sorted(self.entries.items()) if name in names}
        with contextlib.suppress(OSError):
            write_json(self.folder / FILE, {"last_intake": asdict(self.last_intake), "images": images})


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
