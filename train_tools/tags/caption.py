"""What a caption file is made of, so that an edit changes what it means to and nothing else.

A file is lines (sd-scripts' `enable_wildcard` draws one of them), a line is sections that `|||` divides
(`keep_tokens_separator`: fixed, shuffled, fixed), a section is blocks that commas divide, a block is tags
that `;;;` (`secondary_separator`) keeps together. Wildcards, `{a|b}`, are never divided; `{{` and `}}` stand
for braces themselves, as in sd-scripts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

BOM = "\ufeff"
KEEP_TOKENS_SEPARATOR = "|||"
SECONDARY_SEPARATOR = ";;;"
COMMA = ","
# Of the comma's kind in other scripts; nobody means them as anything else between tags.
COMMAS = "\uff0c\u3001\uff1b\uff64\ufe50\ufe51\u060c\u055d\u1802\u1363\ua4fe"
WILDCARD = re.compile(r"\{[^}]+\}")
ANY_COMMA = re.compile(f"[{COMMAS}]")
LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
ESCAPED = re.compile(r"\\([()\[\]{}])")
INSIDE = "\0"  # stands for each character of a wildcard while separators are looked for

Block = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """`raw` as it stands in the file; an edit that leaves `blocks` as they are leaves it, too."""

    raw: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Without surrounding blanks and without empty ones."""
        found = (stripped(divided(piece, SECONDARY_SEPARATOR)) for piece in divided(self.raw, COMMA))
        return tuple(block for block in found if block)

    def with_blocks(self, blocks: Sequence[Block]) -> Section:
        """Written anew as `a, b`, between the blanks that were around it, where `blocks` are others."""
        if tuple(blocks) == self.blocks:
            return self
        text = joined(blocks)
        inner = self.raw.strip()
        before, after = self.raw.split(inner, 1) if inner else ("", "")
        return Section(f"{before}{text}{after}")


@dataclass(frozen=True)
class Line:
    """`ending` is `\\n`, `\\r\\n`, `\\r` or, at the file's end, nothing."""

    sections: tuple[Section, ...]
    ending: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for section in self.sections for block in section.blocks)

    @property
    def text(self) -> str:
        return KEEP_TOKENS_SEPARATOR.join(section.raw for section in self.sections)


@dataclass(frozen=True)
class Caption:
    """`head` is the byte order mark where the file has one."""

    head: str
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The file's text; `parse(text).text == text`."""
        return self.head + "".join(line.text + line.ending for line in self.lines)

    @functools.cached_property
    def tags(self) -> list[str]:
        """All tags of all lines in their order, a wildcard as one."""
        return [tag for line in self.lines for block in line.blocks for tag in block]

    @functools.cached_property
    def first_line_tags(self) -> list[str]:
        """Of the line that training reads where it isn't told to draw one."""
        return [tag for line in self.lines[:1] for block in line.blocks for tag in block]

    def with_lines(self, lines: Sequence[Line]) -> Caption:
        return replace(self, lines=tuple(lines))


def parse(text: str) -> Caption:
    head = BOM if text.startswith(BOM) else ""
    return Caption(head, tuple(_lines(text[len(head) :])))


def _lines(text: str) -> Iterator[Line]:
    for match in LINE.finditer(text):
        if match[0]:
            yield parse_line(match[1], match[2])


def parse_line(text: str, ending: str = "") -> Line:
    return Line(tuple(Section(raw) for raw in divided(text, KEEP_TOKENS_SEPARATOR)), ending)


def parse_tags(text: str) -> tuple[Block, ...]:
    """What a person gives as `a, b`, whichever comma the keyboard has."""
    return Section(ANY_COMMA.sub(COMMA, text)).blocks


def divided(text: str, separator: str) -> list[str]:
    """The pieces between separators outside wildcards; `separator.join` of them is `text`."""
    pieces, start = [], 0
    for piece in masked(text).split(separator):
        pieces.append(text[start : start + len(piece)])
        start += len(piece) + len(separator)
    return pieces


def masked(text: str) -> str:
    """`text` with every character of its wildcards hidden; of the same length."""
    for start, end in wildcards(text):
        text = text[:start] + INSIDE * (end - start) + text[end:]
    return text


def wildcards(text: str) -> list[tuple[int, int]]:
    """Where each starts and ends."""
    if "{" not in text:
        return []
    without_braces = text.replace("{{", INSIDE * 2).replace("}}", INSIDE * 2)
    return [match.span() for match in WILDCARD.finditer(without_braces)]


def stripped(pieces: Sequence[str]) -> Block:
    return tuple(text for piece in pieces if (text := piece.strip()))


def joined(blocks: Sequence[Block]) -> str:
    return ", ".join(SECONDARY_SEPARATOR.join(block) for block in blocks)


@functools.lru_cache(maxsize=100_000)
def comparable(tag: str) -> str:
    """Equal for tags that mean the same: letter case (CLIP knows none), blanks in a row, escaped brackets."""
    return " ".join(ESCAPED.sub(r"\1", tag).split()).casefold()
