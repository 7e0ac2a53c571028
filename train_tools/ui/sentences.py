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
from typing import Any

from train_tools.ui.labels import with_labels

FEWEST = 8  # characters of its own with which a sentence that begins with a hole may hold but words in them
# What a hole may hold: a word; a name, but no beginning of a sentence; anything.
WORD, ONE_PART, ANYTHING = r"(\S+?)", "((?:(?![:;] ).)*?)", "(.*?)"
MOST_PARTS = 64
FILE = Path(__file__).with_suffix(".json")
HOLE = re.compile(r"\{(\d+)\}")
# What of an answer is sentences of the services: the field's name. Other fields hold names, captions and notes.
SENTENCES = frozenset({
    "because", "drawn", "error", "errors", "fix", "lacks", "left_out", "note", "notes", "problem", "problems", "reason",
    "reasons", "sentence", "skipped", "source",
})  # fmt: skip
# Whether an English answer may hold a sentence that names a setting: most don't, and are sent as they are.
MAY_NAME = re.compile(rf'"(?:{"|".join(sorted(SENTENCES))}|text)":(?:"[^"]|[\[{{][^\]}}])')


@dataclass(frozen=True)
class Pair:
    """`anchor` is the longest piece of the English words: quicker to look for than the whole pattern. A
    sentence that begins with a hole is looked for strictly first: another may stand before it.
    """

    anchor: str
    strict: re.Pattern[str]
    loose: re.Pattern[str] | None
    chinese: str

    def translated(self, sentence: str, *, loosely: bool) -> str | None:
        """None where the sentence is another one. What stands in a hole may be a sentence of its own."""
        pattern = self.loose if loosely else self.strict
        if pattern is None or self.anchor not in sentence:
            return None
        found = pattern.fullmatch(sentence)
        if found is None:
            return None
        return HOLE.sub(lambda hole: in_chinese(found[int(hole[1])]), self.chinese)


@functools.lru_cache(maxsize=4096)
def in_chinese(sentence: str) -> str:
    """The sentence itself where there is no translation."""
    return _whole(sentence) or _in_parts(sentence) or _whole(sentence, loosely=True) or sentence


def _whole(sentence: str, *, loosely: bool = False) -> str | None:
    found = (pair.translated(sentence, loosely=loosely) for pair in pairs())
    return next((translated for translated in found if translated is not None), None)


def _in_parts(sentence: str) -> str | None:
    """One behind the name of what it is about, or several in a row."""
    for between, chinese in ((": ", "\uff1a"), ("; ", "\uff1b")):
        parts = sentence.split(between)
        for i in range(1, min(len(parts), MOST_PARTS)):
            tail = _whole(between.join(parts[i:]))
            if tail is not None:
                return f"{in_chinese(between.join(parts[:i]))}{chinese}{tail}"
    return None


def language_of(header: str) -> str:
    """From what a browser asks for by Accept-Language; the page sends its own language there."""
    return "zh" if header.startswith("zh") else "en"


def said(sentence: str, language: str) -> str:
    """In the page's language, settings by their labels."""
    return with_labels(in_chinese(sentence) if language == "zh" else sentence, language)


def with_sentences_said(text: str, language: str) -> str:
    """JSON for the page, with the services' sentences in its language."""
    if language != "zh" and not MAY_NAME.search(text):
        return text
    answer = json.loads(text, object_hook=functools.partial(_translated, language))
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _translated(language: str, fields: dict[str, Any]) -> dict[str, Any]:
    names = SENTENCES
    if "event" in fields or "state" in fields:
        names |= {"text"}  # a run's warning, a check's outcome; elsewhere that is a caption or a log
    if "task" in fields:
        names |= {"name"}  # what it is doing
    if "mark" in fields:
        names -= {"note"}  # a person's own
    return {name: _all_said(value, language) if name in names else value for name, value in fields.items()}


def _all_said(value: Any, language: str) -> Any:
    """A sentence, several (with counts, too), or by the names that they are about."""
    if isinstance(value, dict):
        return {name: said(one, language) if isinstance(one, str) else one for name, one in value.items()}
    return _listed(value, language)


def _listed(value: Any, language: str) -> Any:
    """Objects in a list have been seen to by themselves."""
    if isinstance(value, list):
        return [_listed(one, language) for one in value]
    return said(value, language) if isinstance(value, str) else value


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """Those with the most words of their own first: they are the least likely to be taken for another."""
    table = json.loads(FILE.read_text("utf-8"))
    return tuple(pair_of(*one) for one in sorted(table.items(), key=lambda one: -len(HOLE.sub("", one[0]))))


def pair_of(english: str, chinese: str) -> Pair:
    parts = HOLE.split(english)
    words = parts[::2]  # between them stand the holes' numbers
    anchor = max(words, key=len)
    if words[0]:
        return Pair(anchor, _pattern(parts, ANYTHING), None, chinese)
    if len("".join(words)) <= FEWEST:
        return Pair(anchor, _pattern(parts, WORD, WORD), None, chinese)
    return Pair(anchor, _pattern(parts, ONE_PART), _pattern(parts, ANYTHING), chinese)


def _pattern(parts: list[str], first: str, others: str = ANYTHING) -> re.Pattern[str]:
    """`first` is for a hole that the sentence begins with."""
    holes = [first, *[others] * (len(parts) // 2)]
    pieces = [holes[i // 2] if i % 2 else re.escape(part) for i, part in enumerate(parts)]
    return re.compile("".join(pieces), re.DOTALL)
