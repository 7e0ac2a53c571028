"""Splitting text at separators, except inside quotes and brackets."""

from __future__ import annotations

OPENING = {"(": ")", "[": "]", "{": "}"}
QUOTES = "\"'"


def split(text: str, separator: str, *, of_words: bool = False) -> list[str]:
    """The pieces between separators, stripped, quotes kept; a blank as separator stands for any white space.

    A quote counts only at a piece's start and behind `=`, `,` or a bracket: it's is a word. In pieces made
    `of_words` it counts at the start of each word, too. A bracket that is never closed is a character like
    others. Raises ValueError for a quote that isn't closed.
    """
    pieces, start, at = [], 0, 0
    while at < len(text):
        character = text[at]
        if character in QUOTES and _opens(text, start, at, of_words):
            at = _quote_end(text, at)
        elif character in OPENING:
            at = _bracket_end(text, at)
        elif character == separator or (separator == " " and character.isspace()):
            pieces.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [*pieces, text[start:].strip()]


def unquoted(piece: str) -> str:
    """Without the quotes around the whole piece, if it has any; a doubled quote inside is one."""
    if len(piece) >= 2 and piece[0] in QUOTES and _quote_end(piece, 0) == len(piece) - 1:
        return piece[1:-1].replace(piece[0] * 2, piece[0])
    return piece


def _opens(text: str, start: int, at: int, of_words: bool) -> bool:
    if of_words and text[at - 1 : at].isspace():
        return True
    before = text[start:at].rstrip()
    return not before or before[-1] in "=,([{"


def _quote_end(text: str, at: int) -> int:
    """Where the quote that opens at `at` closes."""
    quote, place = text[at], at + 1
    while True:
        place = text.find(quote, place)
        if place < 0:
            raise ValueError(f"the quote {quote} at character {at + 1} is never closed")
        if text[place + 1 : place + 2] != quote:
            return place
        place += 2


def _bracket_end(text: str, at: int) -> int:
    """Where the bracket at `at` closes; `at` itself where it never does."""
    waiting: list[str] = []
    for place in range(at, len(text)):
        character = text[place]
        if character in OPENING:
            waiting.append(OPENING[character])
        elif waiting and character == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
    return at
