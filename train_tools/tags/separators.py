"""Captions of which a trainer learns, shuffles or drops less than was meant, as commas alone divide tags.

- several lines: only the first is read, unless `enable_wildcard` draws one in each step
- other separators: full-width commas and their like, semicolons, bars, tabs; underscored tags between blanks
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from train_tools.tags.caption import BOM, COMMA, COMMAS, wildcards
from train_tools.tags.edits import Edit

# Taken for separators where a caption has no comma, and where each piece is as short as tags are.
OTHERS = (";", "\t", "|", "\u30fb", "\u00b7", "\u2022", " . ", " / ")
LONGEST_TAG = 40  # characters
FEWEST_TAGS = 3
UNDERSCORED = re.compile(r"[^\s_]+(?:_[^\s_]+)+")
LINES = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f\u2026]$")
MARKS = ("|||", ";;;")  # sd-scripts' own, keep_tokens_separator and secondary_separator


@dataclass(frozen=True)
class Reading:
    """How training reads captions: by `separator`, and with `takes_lines` one line of several in each step."""

    separator: str = COMMA
    takes_lines: bool = False


AS_USUAL = Reading()


def in_words(mark: str) -> str:
    """A separator, as a person reads it."""
    return {" ": "blanks", "\t": "tabs"}.get(mark, mark.strip())


def line_count(text: str) -> int:
    """Lines that hold something, but all where the first holds nothing: that is the one that is read."""
    body = text.removeprefix(BOM)
    filled = sum(bool(line.strip()) for line in body.splitlines())
    return filled + (bool(filled) and not body.splitlines()[0].strip())


def separator_of(text: str, separator: str = COMMA) -> str:
    """What divides tags in it that training doesn't take for that: a character, or a blank; empty: nothing."""
    return next((found for line in text.splitlines() if (found := _of_line(line, separator))), "")


def _of_line(line: str, separator: str) -> str:
    if separator != COMMA:
        return ""
    plain = _hidden(line)
    found = next((mark for mark in COMMAS if mark in plain), "")
    if found or COMMA in plain:
        return found
    for mark in OTHERS:
        pieces = [piece.strip() for piece in plain.split(mark)]
        if sum(map(bool, pieces)) >= FEWEST_TAGS and max(map(len, pieces)) <= LONGEST_TAG:
            return mark
    words = plain.split()
    is_tags = len(words) >= FEWEST_TAGS and 2 * sum(
        bool(UNDERSCORED.fullmatch(word)) for word in words
    ) >= len(words)
    return " " if is_tags else ""


def repaired(*, lines: bool = True, separators: bool = True) -> Edit:
    """Joins lines by commas, and puts commas where other separators stand; wildcards stay as they are."""

    def edit(text: str, _concept: str) -> str:
        result = text
        if separators and separator_of(text):
            result = "".join(_with_commas(line) for line in result.splitlines(keepends=True))
        if lines and line_count(result) > 1:
            result = _joined(result)
        return result

    return edit


def _with_commas(line: str) -> str:
    mark = _of_line(line, COMMA)
    if not mark:
        return line
    body = line.rstrip("\r\n")
    pieces = _outside(body, lambda text: re.sub(_pattern(mark), f"{COMMA} ", text))
    # Where that was the only one, at the end, another may divide what is left.
    return _with_commas(_tidy(pieces)) + line[len(body) :]


def _pattern(mark: str) -> str:
    if mark in COMMAS:
        return rf"\s*[{COMMAS}]\s*"
    return r"\s+" if mark == " " else rf"\s*{re.escape(mark)}\s*"


def _joined(text: str) -> str:
    """A line that ends as sentences do goes on without a comma."""
    result = ""
    for line in (piece.strip() for piece in LINES.split(text.removeprefix(BOM))):
        kept = line.strip(f" \t{COMMA}")
        if kept:
            between = "" if not result else " " if SENTENCE_END.search(result) else f"{COMMA} "
            result += between + kept
    return result + ("\n" if text.endswith(("\n", "\r")) else "")


def _tidy(text: str) -> str:
    """Without commas in a row or around the whole."""
    return re.sub(rf"\s*{COMMA}(?:\s*{COMMA})+\s*", f"{COMMA} ", text).strip(f" \t{COMMA}")


def _hidden(line: str) -> str:
    """Of the same length, with wildcards and sd-scripts' own marks hidden."""
    for start, end in wildcards(line):
        line = line[:start] + "x" * (end - start) + line[end:]
    for mark in MARKS:
        line = line.replace(mark, "x" * len(mark))
    return line


def _outside(line: str, change: Callable[[str], str]) -> str:
    """`change` on what stands outside wildcards and sd-scripts' own marks."""
    held = sorted(
        [*wildcards(line), *(match.span() for m in MARKS for match in re.finditer(re.escape(m), line))]
    )
    result, at = "", 0
    for start, end in held:
        if start >= at:
            result += change(line[at:start]) + line[start:end]
            at = end
    return result + change(line[at:])
