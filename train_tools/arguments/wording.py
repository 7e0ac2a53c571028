"""What a person reads of an argument: its label and help in English and Chinese, from the tables in `words/`.

An entry is `{"label": [English, Chinese], "help": [English, Chinese]}`. One with `"source": "sd-scripts"` says, in
words of ours, what sd-scripts says of it; nobody here has tried it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Wording:
    """Pairs are English and Chinese. `is_hearsay`: what sd-scripts says, not tried here."""

    labels: tuple[str, str]
    helps: tuple[str, str]
    is_hearsay: bool = False

    def label_in(self, language: str) -> str:
        return self.labels[language == "zh"]

    def help_in(self, language: str) -> str:
        return self.helps[language == "zh"]


@functools.cache
def wordings() -> Mapping[str, Wording]:
    """By argument; options and sources of a grid among them."""
    found: dict[str, Wording] = {}
    for path in sorted(FOLDER.glob("*.json")):
        for name, said in json.loads(path.read_text("utf-8")).items():
            found[name] = Wording(tuple(said["label"]), tuple(said["help"]), "source" in said)
    return found


def wording_of(name: str, said: str = "") -> Wording:
    """Of one that the tables don't have: its name in words, and what the installed sd-scripts has `said` of it."""
    if (known := wordings().get(name)) is not None:
        return known
    words = name.replace("_", " ")
    return Wording((words[:1].upper() + words[1:], name), (said, said), is_hearsay=True)


def label_of(name: str, language: str) -> str:
    """What the form calls it."""
    return wording_of(name).label_in(language)


def named(name: str, language: str) -> str:
    """The label with sd-scripts' name beside it: `Learning rate (learning_rate)`."""
    label = label_of(name, language)
    if label.lower() == name:
        return label
    return f"{label}\uff08{name}\uff09" if language == "zh" else f"{label} ({name})"
