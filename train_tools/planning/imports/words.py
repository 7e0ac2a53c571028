"""The words of network_args, optimizer_args and lr_scheduler_args: name=value each, however they were written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from train_tools.arguments.text import split, unquoted

WORD_LISTS = frozenset({"network_args", "optimizer_args", "lr_scheduler_args"})
# A comma behind which the next word begins: conv_dim=4,conv_alpha=1; in betas=0.9,0.99 none does.
BETWEEN = re.compile(r",\s*(?=[A-Za-z_]\w*\s*=)")
WORD = re.compile(r"[A-Za-z_][\w.]*=.+", re.DOTALL)


def right_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(those that are name=value, the others): without commas and quotes around them, and apart where they stood in
    one text.
    """
    right: list[str] = []
    wrong: list[str] = []
    for piece in _joined([piece for word in words for piece in _pieces(word)]):
        cleaned = _cleaned(piece)
        if WORD.fullmatch(cleaned):
            right.append(cleaned)
        elif cleaned:
            wrong.append(cleaned)
    return right, wrong


def words_of(text: str) -> list[str]:
    """Of a field that holds them all: split at blanks, except inside quotes and brackets."""
    try:
        return [word for word in split(text, " ", of_words=True) if word]
    except ValueError:
        return text.replace('"', "").split()


def _pieces(word: str) -> list[str]:
    inner = unquoted(word.strip()) if _is_quoted(word) else word.strip()
    parts = words_of(inner) if inner.count("=") > 1 and re.search(r"\s[A-Za-z_]\w*\s*=", inner) else [inner]
    return [piece for part in parts for piece in BETWEEN.split(part)]


def _is_quoted(word: str) -> bool:
    try:
        return unquoted(word.strip()) != word.strip()
    except ValueError:
        return False


def _joined(pieces: Sequence[str]) -> list[str]:
    """`betas=0.9,` and `0.99` are one word, as are `betas=(0.9,` and `0.99)`."""
    joined: list[str] = []
    for piece in pieces:
        goes_on = joined and (
            (joined[-1].rstrip().endswith(",") and "=" not in piece)
            or joined[-1].count("(") > joined[-1].count(")")
        )
        if goes_on and "=" in joined[-1]:
            joined[-1] += piece.strip()
        else:
            joined.append(piece)
    return joined


def _cleaned(piece: str) -> str:
    word = piece.strip().strip(",;").strip()
    if _is_quoted(word):
        word = unquoted(word)
    name, equals, value = word.partition("=")
    value = value.strip()
    if _is_quoted(value):
        value = unquoted(value)
    tight = re.sub(r",\s+", ",", value)
    return f"{name.strip()}{equals}{tight}"
