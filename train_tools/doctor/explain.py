"""What an error in a log means, and what helps: `explain(text)` or `explain(run_folder)`."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.doctor.known import RULES
from train_tools.doctor.known.ending import read
from train_tools.doctor.known.rule import Found, diagnose

LOG = "train.log"
RECORD = "run.json"
TAIL_BYTES = 262_144
LONGEST = 300  # characters of the line that is shown


@dataclass(frozen=True)
class Remedy:
    """What an error means and what to do, in English and in Chinese (`…_zh`). `line` is where it was seen.

    `commands` do what helps (`python -m train_tools …`); `offers` are the same as the page's buttons have them.
    """

    id: str
    means: str
    means_zh: str
    do: str
    do_zh: str
    source: str
    line: str
    commands: tuple[str, ...] = ()
    offers: tuple[dict[str, str], ...] = ()


def explain(source: str | Path) -> list[Remedy]:
    """Of a log's text, or of a run's or job's folder; empty where nothing is known. The likeliest cause first."""
    text: str | Path = source
    names: tuple[str, ...] = ()
    if isinstance(source, Path):
        text, names = text_of(source), names_of(source)
    return [remedy(found, *names) for found in diagnose(read(str(text)), RULES)]


def remedy(found: Found, project: str = "PROJECT", version: str = "VERSION") -> Remedy:
    rule = found.rule
    commands = tuple(offer.command(_quoted(project), _quoted(version)) for offer in rule.offers)
    offers = tuple(
        {"kind": offer.kind, "what": offer.what, "command": command}
        for offer, command in zip(rule.offers, commands, strict=True)
    )
    line = found.line.strip()[:LONGEST]
    return Remedy(
        rule.id, rule.means, rule.means_zh, rule.do, rule.do_zh, rule.source, line, commands, offers
    )


def names_of(folder: Path) -> tuple[str, ...]:
    """Project and version of a run's or job's folder; empty where it is elsewhere."""
    parts = folder.absolute().parts
    return (parts[-5], parts[-3]) if len(parts) > 5 and parts[-4] == "versions" else ()


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else f'"{name}"'


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
