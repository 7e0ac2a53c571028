"""A command line or script as people paste it, taken apart: bash, PowerShell and cmd, line ends and variables.

accelerate launch --num_cpu_threads_per_process 8 train_network.py `
--unet_lr=$unet_lr --network_args "conv_dim=4" "conv_alpha=1" `   # comment
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from train_tools.errors import UsageError

CONTINUED = re.compile(r"[ \t]*[\\`^][ \t]*\r?\n")
SCRIPT = re.compile(r"(?:^|[/\\])(\w*train_network\.py)$")
ASSIGNMENT = re.compile(r"\s*(?:export\s+|set\s+)?\$?([A-Za-z_]\w*)\s*=\s*(.*)")
VARIABLE = re.compile(r"\$\{(\w+)(?:\[[@*]\])?\}|\$([A-Za-z_]\w*)|%([A-Za-z_]\w*)%")
# A backslash that belongs to a path of Windows; else it is bash's escape.
WINDOWS_PATH = re.compile(r"""(?:^|[\s"'=])(?:[A-Za-z]:\\|\.{1,2}\\|\\\\)""", re.MULTILINE)
COMPUTED = re.compile(r"^[(\[@]|::|\(\)$")  # lists and calls
ENDS = frozenset({";", "&&", "||", "|", "&", ">", ">>", "2>&1"})
CONSTANTS = {"true": "true", "false": "false"}  # PowerShell's $true


@dataclass(frozen=True)
class Word:
    """`unknown` is the variable in it whose value isn't in the text; empty where there is none."""

    text: str
    unknown: str = ""


@dataclass(frozen=True)
class CommandLine:
    """`script` is sd-scripts' file, empty where none is called; `words` stand behind it."""

    script: str
    words: tuple[Word, ...]
    variables: dict[str, str | None]


def read_command_line(text: str) -> CommandLine:
    """The words of the call of a trainer; without one, all words of the text, but for assignments.

    Raises UsageError for a quote that is never closed.
    """
    text = text.replace("“", '"').replace("”", '"')
    reader = Reader(escapes=not WINDOWS_PATH.search(text))
    kept: list[Word] = []
    for line in CONTINUED.sub(" ", text).splitlines():
        if reader.take_assignment(line):
            continue
        words = list(reader.words(line))
        for place, word in enumerate(words):
            if found := SCRIPT.search(word.text):
                return CommandLine(found[1], tuple(_to_end(words[place + 1 :])), reader.variables)
        kept += words
    return CommandLine("", tuple(kept), reader.variables)


def _to_end(words: list[Word]) -> Iterator[Word]:
    """Up to where another command begins."""
    for word in words:
        if word.text in ENDS:
            return
        yield word


class Reader:
    """Reads line by line; `variables` are those set so far, None where the value is more than one word."""

    def __init__(self, escapes: bool) -> None:
        self._escapes = escapes
        self.variables: dict[str, str | None] = {}

    def take_assignment(self, line: str) -> bool:
        found = ASSIGNMENT.fullmatch(line)
        if not found:
            return False
        if line[0].isspace() and found[1] in self.variables:
            return True  # in a branch: what stands before it counts
        words = list(self.words(found[2]))
        is_plain = len(words) <= 1 and not any(word.unknown or COMPUTED.search(word.text) for word in words)
        self.variables[found[1]] = (words[0].text if words else "") if is_plain else None
        return True

    def words(self, line: str) -> Iterator[Word]:
        """As a shell splits them; `#` begins a comment where a word could begin."""
        at = 0
        while at < len(line):
            if line[at].isspace():
                at += 1
            elif line[at] == "#":
                return
            else:
                word, at = self._word(line, at)
                yield word

    def _word(self, line: str, at: int) -> tuple[Word, int]:
        text, unknown, quote, opened = "", "", "", at
        while at < len(line) and (quote or not line[at].isspace()):
            character = line[at]
            if quote and character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote, opened = character, at
            elif character == "\\" and self._escapes and quote != "'" and line[at + 1 : at + 2]:
                at += 1
                text += line[at]
            elif character in "$%" and quote != "'":
                piece, missing, at = self._variable(line, at)
                text, unknown = text + piece, unknown or missing
                continue
            else:
                text += character
            at += 1
        if quote:
            raise UsageError(f"the quote {quote} before {line[opened + 1 : opened + 20]!r} is never closed")
        return Word(text, unknown), at

    def _variable(self, line: str, at: int) -> tuple[str, str, int]:
        """(its value, its name where that is unknown, where it ends)."""
        if line.startswith("$(", at):
            return "$(", "$(…)", at + 2
        found = VARIABLE.match(line, at)
        if not found:
            return line[at], "", at + 1
        name = next(filter(None, found.groups()))
        value = self.variables.get(name, CONSTANTS.get(name.lower()))
        return (found[0], found[0], found.end()) if value is None else (value, "", found.end())
