"""The lines of a pasted script as they are meant: comments taken out, continued ones put together."""

from __future__ import annotations

import re
from collections.abc import Iterator

# bash, cmd and PowerShell; a mark that something else stands before is a path's or a word's.
CONTINUED = re.compile(r"[ \t]*(?:(?<![\\`^])[\\`^])$")
REMARK = re.compile(r"(?:#|::|@?rem(?:\s|$)|//\s)", re.IGNORECASE)
ARGUMENT = re.compile(r"(?:--|[—–‒―−－]{1,2})[A-Za-z]")
# What a console's log puts behind a line: where in the program it was said.
SAID_AT = re.compile(r"\s{2,}\w+\.py:\d+$")
# `args=(` and `$args = @(`: a list over several lines.
OPEN_LIST = re.compile(r"\+?=\s*@?\([^)]*$")
# `cat > config.toml <<EOF`: up to that word stands a file, not a command.
HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
QUOTES = "\"'"
MOST_LINES_OF_A_QUOTE = 40
MOST_LINES_OF_A_FILE = 500
# What pages and word processors put into text.
CURLY = str.maketrans({"“": '"', "”": '"', "\u00a0": " ", "\u3000": " ", "\u200b": None, "\ufeff": None})
CURLY_PAIR = re.compile(r"‘([^‘’\n]*)’")


def logical_lines(text: str) -> Iterator[str]:
    """A line that begins with an argument belongs to the one before: web pages lose the marks of continued lines,
    and a remark between continued lines ends them for a shell, but not for who wrote it.
    """
    physical = CURLY_PAIR.sub(r"'\1'", text.translate(CURLY)).splitlines()
    pieces: list[str] = []
    is_open, in_list = False, False
    at = 0
    while at < len(physical):
        piece, at = _whole(physical, at)
        stripped = piece.strip()
        found = HEREDOC.search(stripped)
        if (
            found and (end := _end_of_heredoc(physical, at, found[1])) > at
        ):  # else it is a text with these marks
            at, piece = end, stripped[: found.start()]
        if not stripped or REMARK.match(stripped):
            continue  # neither ends what is continued
        piece = without_comment(SAID_AT.sub("", piece.strip()))
        continues = CONTINUED.search(piece)
        piece = CONTINUED.sub("", piece) if continues else piece
        if not (is_open or (pieces and ARGUMENT.match(piece))):
            if pieces:
                yield " ".join(pieces)
            pieces, in_list = [], False
        pieces.append(piece)
        in_list = bool(OPEN_LIST.search(piece)) or (in_list and ")" not in piece)
        is_open = continues is not None or in_list
    if pieces:
        yield " ".join(pieces)


def _end_of_heredoc(physical: list[str], at: int, word: str) -> int:
    """Where the file ends that stands in the script; `at` where it never does."""
    ends = range(at, min(len(physical), at + MOST_LINES_OF_A_FILE))
    return next((end + 1 for end in ends if physical[end].strip() == word), at)


def _whole(physical: list[str], at: int) -> tuple[str, int]:
    """The line at `at`, with those that follow where a quote is left open and closed later."""
    line = physical[at]
    end = at + 1
    opened = open_quote(line)
    if not opened or REMARK.match(line.strip()):
        return line, end
    while opened and end < min(len(physical), at + MOST_LINES_OF_A_QUOTE):
        line = f"{line}\n{physical[end]}"
        end += 1
        opened = open_quote(line)
    return (physical[at], at + 1) if opened else (line, end)


def open_quote(line: str) -> str:
    """The quote that isn't closed in it; empty where there is none, or where it is only an apostrophe."""
    return _scan(line)[1]


def without_comment(line: str) -> str:
    """Up to the `#` that begins a comment."""
    return line[: _scan(line)[0]].rstrip()


def _scan(line: str) -> tuple[int, str]:
    """(where a comment begins, the quote that is left open)."""
    quote = ""
    for at, character in enumerate(line):
        before = line[at - 1 : at]
        if quote:
            if character == quote:
                quote = ""
        elif character in QUOTES and not (character == "'" and before.isalnum()):
            quote = character
        elif character == "#" and (not before or before.isspace()):
            return at, ""
    return len(line), quote
