"""Where a command's words go: to a person, or as one JSON document to a program."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Output:
    """`say` is for progress and text; `document` for the result, printed once at the end."""

    as_json: bool = False

    def say(self, text: str = "") -> None:
        """A line for a person: standard output, or standard error where that holds JSON."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def document(self, result: Any) -> None:
        """The result for a program; nothing is printed unless `--json` was given."""
        if self.as_json:
            print(json.dumps(result, ensure_ascii=False, indent=2), flush=True)


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
