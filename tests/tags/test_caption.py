"""Taking captions apart and putting them together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.tags.caption import comparable, parse, parse_line

# What captions are made of, so that hypothesis finds more than letters.
PIECES = st.sampled_from(
    ["a", "red hat", ",", ", ", "|||", ";;;", "{", "}", "|", "{{", "}}", "\n", "\r\n", "\r", " ", "\ufeff",
     "\\(", "\\)", "小猫", "\x0b", "\x85", "\u2028", "^_^", ";", "\0"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_parsing_and_writing_is_the_identity(text: str) -> None:
    caption = parse(text)
    assert caption.text == text
    for line in caption.lines:
        for section in line.sections:
            assert section.with_blocks(section.blocks) is section


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_a_wildcard_is_never_divided_and_no_tag_is_lost(text: str) -> None:
    tags = parse(text).tags
    assert all(tag.strip() == tag != "" for tag in tags)
    letters = [c for c in text if c.isalpha()]
    assert [c for tag in tags for c in tag if c.isalpha()] == letters


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("zorb, red hat,blue", ["zorb", "red hat", "blue"]),
        ("zorb ||| a, b ||| end", ["zorb", "a", "b", "end"]),
        ("a;;;b, c", ["a", "b", "c"]),
        ("{red, blue|green ||| x;;;y}, c", ["{red, blue|green ||| x;;;y}", "c"]),
        ("{{a, b}}, c", ["{{a", "b}}", "c"]),
        ("{a, b", ["{a", "b"]),
        ("one, two\r\nthree\n", ["one", "two", "three"]),
        (r"hat \(red\), b", [r"hat \(red\)", "b"]),
        ("a,, ,b,", ["a", "b"]),
        ("\ufeffa", ["a"]),
        (" \n ", []),
    ],
)
def test_tags_of(text: str, tags: list[str]) -> None:
    assert parse(text).tags == tags


def test_blocks_and_sections() -> None:
    line = parse_line("zorb ||| a;;;b, c|||d")
    assert [section.blocks for section in line.sections] == [(("zorb",),), (("a", "b"), ("c",)), (("d",),)]


def test_a_changed_section_keeps_the_blanks_around_it() -> None:
    line = parse_line("zorb ||| a,b  ||| c")
    assert line.sections[1].with_blocks((("b",), ("x", "y"))).raw == " b, x;;;y  "


@pytest.mark.parametrize(
    ("one", "other"), [("Red  Hat", "red hat"), (r"zorb \(series\)", "zorb (series)"), ("STRASSE", "straße")]
)
def test_tags_that_mean_the_same(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)
    assert comparable("red_hat") != comparable("red hat")
