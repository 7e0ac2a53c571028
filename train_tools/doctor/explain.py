"""What an error in a log means, and what helps: `explain(text)` or `explain(run_folder)`."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from train_tools.doctor.catalogue import INSTALLING, Row
from train_tools.doctor.catalogue_models import MODELS
from train_tools.doctor.catalogue_parameters import PARAMETERS
from train_tools.doctor.catalogue_training import DATA, MEMORY
from train_tools.doctor.catalogue_webui import WEBUI

# The more telling first: of two errors in one log, one often follows from the other.
ROWS: tuple[Row, ...] = (*MEMORY, *DATA, *MODELS, *PARAMETERS, *WEBUI, *INSTALLING)
LOG = "train.log"
RECORD = "run.json"
TAIL_BYTES = 262_144
LONGEST = 4000  # characters of a line that are looked at


@dataclass(frozen=True)
class Remedy:
    """What an error means and what to do, in English and in Chinese (`…_zh`). `line` is where it was seen."""

    id: str
    means: str
    means_zh: str
    do: str
    do_zh: str
    source: str
    line: str


@cache
def compiled() -> tuple[tuple[Row, re.Pattern[str]], ...]:
    return tuple((row, re.compile("|".join(f"(?:{pattern})" for pattern in row.patterns))) for row in ROWS)


def explain(source: str | Path) -> list[Remedy]:
    """Of a log's text, or of a run's or job's folder; empty where nothing is known. The likeliest cause first."""
    text = text_of(source) if isinstance(source, Path) else source
    found: dict[str, Remedy] = {}
    lines = [line[:LONGEST] for line in re.split(r"[\r\n]+", text) if line.strip()]
    for row, pattern in compiled():
        # The last time that it was said is the nearest to the end.
        line = next((line for line in reversed(lines) if pattern.search(line)), None)
        if line is not None:
            found[row.id] = Remedy(
                row.id, row.means, row.means_zh, row.do, row.do_zh, row.source, line.strip()[:300]
            )
    weak = {row.id for row in ROWS if row.weak}
    strong = [remedy for name, remedy in found.items() if name not in weak]
    return strong or list(found.values())


def text_of(folder: Path) -> str:
    """The end of a run's log, and what its record says of its end; empty where nothing is there."""
    parts = [tail(folder / LOG)]
    record = read_record(folder)
    parts.append(str(record.get("error") or ""))
    return "\n".join(part for part in parts if part)


def tail(path: Path, size: int = TAIL_BYTES) -> str:
    """The last whole lines of a file; empty where it isn't there."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - size))
            data = file.read()
    except OSError:
        return ""
    if length > size:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def read_record(folder: Path) -> dict[str, Any]:
    """run.json as it stands, without asking whether its process lives."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / RECORD).read_text(encoding="utf-8-sig"))
        return found if isinstance(found, dict) else {}
    return {}


def run_folders(root: Path) -> Iterator[Path]:
    """Of all runs and jobs under the root."""
    for pattern in ("trains/*", "jobs/*"):
        for folder in (root / "train_tools" / "projects").glob(f"*/versions/*/{pattern}"):
            if (folder / RECORD).is_file():
                yield folder


def last_failed(root: Path) -> Path | None:
    """The run or job that failed last; None where none has."""
    failed = [
        (float(record.get("ended") or 0), folder)
        for folder in run_folders(root)
        if (record := read_record(folder)).get("state") == "failed"
    ]
    return max(failed, key=lambda pair: pair[0])[1] if failed else None
