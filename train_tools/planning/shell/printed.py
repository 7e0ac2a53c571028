"""Lists of words in Python: what kohya_ss prints where its trainer has failed, and what scripts start trainers with."""

from __future__ import annotations

import ast
import re
import warnings

from train_tools.planning.shell.words import Word

ITEM = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
# `['python', 'train_network.py', …`; the end may be cut off. Consoles break its lines anywhere.
PRINTED = re.compile(rf"\[\s*(?:{ITEM}\s*,\s*)*{ITEM}", re.DOTALL)
LINE_END = re.compile(r"\r?\n")
MOST_CHARACTERS = 20_000  # of one list
MOST_LISTS = 100


def printed_words(text: str) -> list[list[Word]]:
    """Each list in it that calls a script of Python, as words."""
    if ".py" not in text or "[" not in text:
        return []
    lists = [_listed(text, found.start()) for found in list(re.finditer(r"\[", text))[:MOST_LISTS]]
    return [words for words in lists if any(re.search(r"\.py$", word.text) for word in words)]


def _listed(text: str, at: int) -> list[Word]:
    """Of the list that begins at `at`: as source, else as it was printed."""
    end = text.find("]", at)
    while 0 <= end < at + MOST_CHARACTERS:
        if words := _of_source(text[at : end + 1]):
            return words
        if text.count("[", at, end) <= text.count("]", at, end + 1):
            break
        end = text.find("]", end + 1)
    found = PRINTED.match(text, at, at + MOST_CHARACTERS)
    return _of_output(found[0]) if found else []


def _of_source(source: str) -> list[Word]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that aren't any
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [_word(item) for item in tree.elts] if isinstance(tree, ast.List) else []


def _word(item: ast.expr) -> Word:
    """A text; what is computed is unknown."""
    if isinstance(item, ast.Constant):
        return Word(str(item.value))
    if isinstance(item, ast.JoinedStr):
        known = "".join(str(part.value) if isinstance(part, ast.Constant) else "" for part in item.values)
        names = [ast.unparse(part.value) for part in item.values if isinstance(part, ast.FormattedValue)]
        return Word(known, names[0] if names else "")
    name = ast.unparse(item)
    return Word(name, name)


def _of_output(listed: str) -> list[Word]:
    words = []
    for item in re.findall(ITEM, LINE_END.sub("", listed), re.DOTALL):
        try:
            words.append(Word(str(ast.literal_eval(item))))
        except (ValueError, SyntaxError):
            words.append(Word(item[1:-1]))
    return words
