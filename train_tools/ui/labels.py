"""Sentences of the services call settings by sd-scripts' names; the page's form calls them by their labels.

So a page reads `Rank (network_dim) 128 is more than nearly any subject needs`. What a person would type, as
`name=value` or a command, stays as it is. `static/kit/names.js` does the same for what the page says itself.
"""

from __future__ import annotations

import functools
import re

from train_tools.arguments.wording import label_of, named, wordings

TYPED = re.compile(r"(`[^`]*`)")
# What a name stands in that is typed or no setting: a path, an option, an assignment, a rule, a quoted text.
BEFORE, AFTER = r"(?<![\w./\\=+`'\"<-])", r"(?![\w/\\=+<>`'\"-]|\.\w)"
BESIDE = r"(?<![(\uff08])|(?<=[(\uff08])(?![a-z_0-9]+[)\uff09])"  # nor is it the name beside a label
# A word such as `seed` or `vae` is the setting where a sentence begins with it and refuses it.
REFUSED = r"(?=(?: can't be | is empty| is missing| takes |: | = | \u4e0d\u80fd\u4e3a))"
HAN = "\u4e00-\u9fff"


@functools.lru_cache(maxsize=4096)
def with_labels(sentence: str, language: str) -> str:
    """A setting's name gets its label: beside it where it is first said, in its place afterwards."""
    seen: set[str] = set()

    def label(found: re.Match[str]) -> str:
        name = found[0]
        if name in seen:
            return label_of(name, language)
        seen.add(name)
        return named(name, language)

    parts = TYPED.split(sentence)
    parts[::2] = [_names().sub(label, part) for part in parts[::2]]
    said = "".join(parts)
    return _close(said) if language == "zh" and seen else said


@functools.cache
def _names() -> re.Pattern[str]:
    long = sorted((name for name in wordings() if "_" in name), key=len, reverse=True)
    words = sorted(name for name in wordings() if "_" not in name)
    return re.compile(rf"{BEFORE}(?:{BESIDE})(?:{'|'.join(long)}){AFTER}|^(?:{'|'.join(words)}){REFUSED}")


def _close(sentence: str) -> str:
    """Chinese stands without blanks between its own words."""
    sentence = re.sub(r"(?<=[a-z_0-9]\uff09) (?=[\w-])", "", sentence)
    return re.sub(rf"(?<=[{HAN}]) (?=[{HAN}])", "", sentence)
