"""Changes to one caption, as pure functions. Each maker returns an `Edit`.

Tags are compared by `caption.comparable`. Where a caption has several lines, each is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace as changed

from train_tools.errors import UsageError
from train_tools.tags.caption import Block, Line, Section, comparable, parse, parse_line, parse_tags
from train_tools.tags.patterns import why_not

CONCEPT = "{concept}"  # stands for the concept's name

# From a file's text ("" where there is no file) and its image's concept to the new text.
Edit = Callable[[str, str], str]
Synonyms = Mapping[str, Sequence[Block]]  # comparable tag -> what stands there instead


def add(tags: str, *, back: bool = False) -> Edit:
    """Puts `tags` (a, b) first or last in each line that lacks them; makes a caption where there is none."""
    new = _given(tags)

    def line(old: Line) -> Line:
        present = _known(old.blocks)
        missing = tuple(block for block in new if not _known([block]) <= present)
        place = len(old.sections) - 1 if back else 0
        blocks = old.sections[place].blocks
        return _with_section(old, place, (*blocks, *missing) if back else (*missing, *blocks))

    return _on_lines(line, makes=True)


def remove(tags: str, *, exact: bool = False) -> Edit:
    """`exact`: of one tag as it stands in captions, which may hold a full-width comma."""
    unwanted = {comparable(tags)} if exact else _known(_given(tags))
    return _on_tags(lambda tag: () if comparable(tag) in unwanted else ((tag,),))


def replace(old: str, new: str) -> Edit:
    """Each tag of `old` (a, b) becomes `new`, which may be several; an empty `new` is refused."""
    after = _given(new)
    synonyms = dict.fromkeys(_known(_given(old)), after)
    return _on_tags(lambda tag: synonyms.get(comparable(tag), ((tag,),)))


def merge(synonyms: Synonyms) -> Edit:
    """Each key becomes its value, which then stands only once in a line, where the first of them stood."""
    targets = _known(block for blocks in synonyms.values() for block in blocks)

    def line(old: Line) -> Line:
        merged = _mapped(old, lambda tag: synonyms.get(comparable(tag), ((tag,),)))
        return _first_only(merged, targets) if merged != old else old

    return _on_lines(line)


def dedupe() -> Edit:
    """Of equal tags in a line the first stays."""
    return _on_lines(lambda line: _first_only(line, _known(line.blocks)))


def sort(counts: Mapping[str, int] | None, keep: int) -> Edit:
    """By the alphabet, or the most frequent first by `counts` (comparable tag -> images).

    The first `keep` blocks stay; in a line with `|||` everything outside its shuffled section does.
    """

    def order(block: Block) -> tuple[int, str]:
        tag = comparable(block[0])
        return (-counts.get(tag, 0), "") if counts is not None else (0, tag)

    def line(old: Line) -> Line:
        place, fixed = (1, 0) if len(old.sections) > 1 else (0, keep)
        blocks = old.sections[place].blocks
        return _with_section(old, place, (*blocks[:fixed], *sorted(blocks[fixed:], key=order)))

    return _on_lines(line)


def first(template: str, *, insert: bool = False) -> Edit:
    """Moves a tag to each line's start; `{concept}` in it is the concept. `insert`: where it is missing, too."""

    def edit(text: str, concept: str) -> str:
        (wanted,) = _one(template.replace(CONCEPT, concept))
        tag = comparable(wanted)

        def line(old: Line) -> Line:
            blocks = old.sections[0].blocks
            present = tag in _known(old.blocks)
            if (blocks and comparable(blocks[0][0]) == tag) or not (present or insert):
                return old
            rest = _mapped(old, lambda t: () if comparable(t) == tag else ((t,),))
            return _with_section(rest, 0, ((wanted,), *rest.sections[0].blocks))

        return _on_lines(line, makes=insert)(text, concept)

    return edit


def regex(pattern: str, replacement: str, *, tags_only: bool = False) -> Edit:
    """Python's `re.sub` on the whole text without the last line's end, or on each tag alone."""
    compiled = compiled_pattern(pattern)
    try:  # the template is read here, whatever the captions hold
        compiled.sub(replacement, "")
    except (re.error, IndexError) as error:
        raise UsageError(f"the replacement {replacement!r} can't be used: {why_not(error)}") from error
    if tags_only:
        return _on_tags(lambda tag: Section(compiled.sub(replacement, tag)).blocks)

    def edit(text: str, _concept: str) -> str:
        body = text.rstrip("\r\n")
        return compiled.sub(replacement, body) + text[len(body) :]

    return edit


def set_text(new: str) -> Edit:
    return lambda _text, _concept: f"{new}\n"


def compiled_pattern(pattern: str) -> re.Pattern[str]:
    """Raises UsageError where it is no regular expression."""
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{pattern!r} is no regular expression: {why_not(error)}") from error


def _given(tags: str) -> tuple[Block, ...]:
    blocks = parse_tags(tags)
    if not blocks or "\n" in tags or "\r" in tags:
        raise UsageError(f"{tags!r} names no tag; give one or several as a,b")
    return blocks


def _one(text: str) -> Block:
    blocks = _given(text)
    if len(blocks) > 1 or len(blocks[0]) > 1:
        raise UsageError(f"{text!r} is more than one tag; give one")
    return blocks[0]


def _known(blocks: Iterable[Block]) -> set[str]:
    return {comparable(tag) for block in blocks for tag in block}


def _on_lines(change: Callable[[Line], Line], *, makes: bool = False) -> Edit:
    """`change` on each line that holds something; with `makes` on a first line where none does."""

    def edit(text: str, _concept: str) -> str:
        caption = parse(text)
        if any(line.blocks for line in caption.lines):
            lines = [change(line) if line.blocks else line for line in caption.lines]
        elif makes:
            empty = caption.lines or (parse_line("", "\n"),)
            lines = [change(changed(empty[0], ending=empty[0].ending or "\n")), *empty[1:]]
        else:
            return text
        return caption.with_lines(lines).text

    return edit


def _on_tags(change: Callable[[str], Sequence[Block]]) -> Edit:
    return _on_lines(lambda line: _mapped(line, change))


def _mapped(line: Line, change: Callable[[str], Sequence[Block]]) -> Line:
    """Each tag becomes what `change` gives; in a block that `;;;` holds together they stay together."""

    def blocks_of(block: Block) -> Sequence[Block]:
        if len(block) == 1:
            return change(block[0])
        together = tuple(tag for old in block for new in change(old) for tag in new)
        return [together] if together else []

    sections = [
        section.with_blocks([new for block in section.blocks for new in blocks_of(block)])
        for section in line.sections
    ]
    return changed(line, sections=tuple(sections))


def _first_only(line: Line, tags: set[str]) -> Line:
    """Of each tag in `tags` only the line's first stays."""
    seen: set[str] = set()

    def once(tag: str) -> Sequence[Block]:
        name = comparable(tag)
        if name in tags and name in seen:
            return ()
        seen.add(name)
        return ((tag,),)

    return _mapped(line, once)


def _with_section(line: Line, place: int, blocks: Sequence[Block]) -> Line:
    sections = list(line.sections)
    sections[place] = sections[place].with_blocks(blocks)
    return changed(line, sections=tuple(sections))
