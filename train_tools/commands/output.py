"""Where a command's words go: to a person, or as one JSON document to a program."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass(frozen=True)
class Output:
    """`say` is for progress and text; `document` for the result, printed once at the end."""

    as_json: bool = False

    def say(self, text: str = "") -> None:
        """A line for a person: standard output, or standard error where that holds JSON."""
        write(text, sys.stderr if self.as_json else sys.stdout)

    def document(self, result: Any) -> None:
        """The result for a program; nothing is printed unless `--json` was given."""
        if self.as_json:
            write(json.dumps(result, ensure_ascii=False, indent=2), sys.stdout)


def write(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Whoever read it has gone, as `| head` does: the work goes on without words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def table(rows: list[list[str]], right: frozenset[int] = frozenset()) -> str:
    """Rows (the first is the heading) as aligned columns; those in `right` are right-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
