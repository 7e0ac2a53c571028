"""The services' sentences in Chinese. They are written once, in English, where they are said; the page shows them so.

`sentences.json` holds pairs: the English template with its holes numbered from 1 in their order, and the Chinese
one, which may put them elsewhere. A test finds the sentences that the code can say and that are missing here.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
HOLE = re.compile(r"\{(\d+)\}")


@dataclass(frozen=True)
class Pair:
    pattern: re.Pattern[str]
    chinese: str

    def translated(self, sentence: str) -> str | None:
        """None where the sentence is another one. What stands in a hole may be a sentence of its own."""
        found = self.pattern.fullmatch(sentence)
        if found is None:
            return None
        return HOLE.sub(lambda hole: in_chinese(found[int(hole[1])]), self.chinese)


@functools.lru_cache(maxsize=4096)
def in_chinese(sentence: str) -> str:
    """The sentence itself where there is no translation."""
    for pair in pairs():
        if (translated := pair.translated(sentence)) is not None:
            return translated
    return sentence


def said(sentence: str, language: str) -> str:
    return in_chinese(sentence) if language == "zh" else sentence


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """Those with the most words of their own first: they are the least likely to be taken for another."""
    table = json.loads(FILE.read_text("utf-8"))
    ordered = sorted(table.items(), key=lambda pair: -len(HOLE.sub("", pair[0])))
    return tuple(Pair(pattern_of(english), chinese) for english, chinese in ordered)


def pattern_of(english: str) -> re.Pattern[str]:
    """Odd parts of the split are the holes' numbers."""
    parts = HOLE.split(english)
    return re.compile("".join("(.*?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)), re.DOTALL)
