"""Every text of the page, in English and Chinese: one file a panel in `words/`, and the labels of all arguments."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from train_tools.arguments.wording import wordings

FOLDER = Path(__file__).parent / "words"


@functools.cache
def texts() -> dict[str, list[str]]:
    """`{id: [English, Chinese]}`; an id starts with its file's name and a dot."""
    found = {f"argument.{name}": list(said.labels) for name, said in wordings().items()}
    for path in sorted(FOLDER.glob("*.json")):
        found |= {f"{path.stem}.{name}": text for name, text in json.loads(path.read_text("utf-8")).items()}
    return found


def export_words() -> dict[str, list[str]]:
    """What a board as a file says: its own words, and what axes and settings are called."""
    starts = ("export.", "compare.axis_", "argument.")
    return {name: both for name, both in texts().items() if name.startswith(starts)}
