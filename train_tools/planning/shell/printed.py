"""The list of words that Python prints of a command: kohya_ss does where its trainer has failed."""

from __future__ import annotations

import ast
import re

ITEM = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
# `['python', 'train_network.py', …`; the end may be cut off. Consoles break its lines anywhere.
PRINTED = re.compile(rf"\[\s*(?:[fr]?{ITEM}\s*,\s*)*[fr]?{ITEM}", re.DOTALL)
LINE_END = re.compile(r"\r?\n")


def printed_words(text: str) -> list[list[str]]:
    """Each list in it that calls a script of Python, as words."""
    if ".py" not in text or "[" not in text:
        return []
    lists = [_words(found[0]) for found in PRINTED.finditer(text)]
    return [words for words in lists if any(".py" in word for word in words)]


def _words(listed: str) -> list[str]:
    words = []
    for item in re.findall(ITEM, LINE_END.sub("", listed), re.DOTALL):
        try:
            words.append(str(ast.literal_eval(item)))
        except (ValueError, SyntaxError):
            words.append(item[1:-1])
    return words
