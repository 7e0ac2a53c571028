"""A line as a shell splits it: words, operators, variables put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from train_tools.errors import UsageError

VARIABLE = re.compile(
    r"\$\{(?P<braced>\w+)(?:\[[@*]\])?(?::?[-=](?P<default>[^}]*))?\}"
    r"|\$(?:Env:|env:)?(?P<plain>[A-Za-z_]\w*)|%(?P<cmd>[A-Za-z_]\w*)%"
)
PYTHON_VARIABLE = re.compile(r"\{(?P<python>[A-Za-z_]\w*)\}")  # a notebook's `!` line
WHOLE_LIST = re.compile(r"([\"']?)(?:\$\{(\w+)\[[@*]\]\}|[$@](\w+))\1(?=\s|$)")
OPERATOR = re.compile(r"&&|\|\||;(?=\s|$)|[|&](?=\s|$)|(?:\d|&)?>>?(?=\s|$|&\d)&?\d?")
SEPARATOR = re.compile(r"&&|\|\||[;|&]")
CONSTANTS = {"true": "true", "false": "false", "null": ""}  # PowerShell's $true


@dataclass(frozen=True)
class Word:
    """`unknown` is the variable in it whose value isn't in the text; empty where there is none.

    `source` is how it was written.
    """

    text: str
    unknown: str = ""
    source: str = field(default="", compare=False)
    is_operator: bool = field(default=False, compare=False)

    @property
    def is_quoted(self) -> bool:
        return self.source[:1] in ('"', "'")


Value = Word | Sequence[Word] | None  # one word, a list, or unknown


class Splitter:
    """`escapes`: a backslash is bash's escape, and not a part of a path of Windows."""

    def __init__(self, variables: Mapping[str, Value], escapes: bool) -> None:
        self._variables = variables
        self._escapes = escapes

    def words(self, line: str) -> Iterator[Word]:
        """Raises UsageError for a quote that is never closed."""
        in_python = line.lstrip().startswith("!")
        at = 0
        while at < len(line):
            if line[at].isspace():
                at += 1
            elif found := OPERATOR.match(line, at):
                yield Word(found[0], source=found[0], is_operator=True)
                at = found.end()
            else:
                for_list = self._list_at(line, at)
                if for_list is not None:
                    yield from for_list[0]
                    at = for_list[1]
                    continue
                word, at = self._word(line, at, in_python)
                yield word

    def _list_at(self, line: str, at: int) -> tuple[Sequence[Word], int] | None:
        """A word that is a known list and nothing else: "${extra[@]}", $extra, @extra."""
        found = WHOLE_LIST.match(line, at)
        if not found:
            return None
        value = self._variables.get(found[2] or found[3])
        return (value, found.end()) if isinstance(value, (list, tuple)) else None

    def _word(self, line: str, at: int, in_python: bool) -> tuple[Word, int]:
        text, unknown, quote, start, opened = "", "", "", at, at
        while at < len(line) and (quote or not (line[at].isspace() or _ends(line, at))):
            character = line[at]
            if quote and character == quote:
                quote = ""
            elif not quote and character in "\"'" and not _is_apostrophe(line, at, start):
                quote, opened = character, at
            elif character == "\\" and self._escapes and quote != "'" and line[at + 1 : at + 2]:
                at += 1
                text += line[at]
            elif (character in "$%" and quote != "'") or (character == "{" and in_python):
                piece, missing, at = self._variable(line, at, in_python)
                text, unknown = text + piece, unknown or missing
                continue
            else:
                text += character
            at += 1
        if quote:
            raise UsageError(f"the quote {quote} before {line[opened + 1 : opened + 20]!r} is never closed")
        return Word(text, unknown, line[start:at]), at

    def _variable(self, line: str, at: int, in_python: bool) -> tuple[str, str, int]:
        """(its value, its name where that is unknown, where it ends)."""
        if line.startswith("$(", at):
            return "$(", "$(…)", at + 2
        found = VARIABLE.match(line, at) or (PYTHON_VARIABLE.match(line, at) if in_python else None)
        if not found:
            return line[at], "", at + 1
        named = {name: text for name, text in found.groupdict().items() if text is not None}
        default = named.pop("default", None)
        name = next(iter(named.values()))
        value = self._variables.get(name)
        if isinstance(value, Word) and not value.unknown:
            return value.text, "", found.end()
        if (name := name.lower()) in CONSTANTS:
            return CONSTANTS[name], "", found.end()
        return (found[0], found[0], found.end()) if default is None else (default, "", found.end())


def _ends(line: str, at: int) -> bool:
    """Whether an operator ends the word here: `a;` and `a&&b`, not `512;640`."""
    return line.startswith(("&&", "||"), at) or (line[at] == ";" and line[at + 1 : at + 2] in ("", " ", "\t"))


def _is_apostrophe(line: str, at: int, start: int) -> bool:
    """It's, and not the beginning of a quoted part."""
    return line[at] == "'" and at > start and line[at - 1].isalpha() and "'" not in line[at + 1 :]


def commands(words: Sequence[Word]) -> Iterator[list[Word]]:
    """What stands between the operators; what is sent into files is taken off."""
    command: list[Word] = []
    skips = False
    for word in words:
        if word.is_operator and SEPARATOR.fullmatch(word.text):
            if command:
                yield command
            command, skips = [], False
        elif word.is_operator:
            skips = True  # `> log.txt`
        elif not skips:
            command.append(word)
        else:
            skips = False
    if command:
        yield command
