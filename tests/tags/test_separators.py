"""Captions of which one tag is learnt: seen, counted as training sees them, and mended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tags.conftest import Make

from train_tools.tags import journal
from train_tools.tags.caption import parse
from train_tools.tags.checks import check_captions
from train_tools.tags.files import read_captions
from train_tools.tags.separators import COMMAS, Reading, line_count, repaired, separator_of
from train_tools.tags.service import apply_edit, tag_counts, undo

fix = repaired()


@pytest.mark.parametrize(
    ("text", "mark", "lines", "fixed"),
    [
        ("zorb,\nred hair,\nsmile, hat\n", "", 3, "zorb, red hair, smile, hat\n"),
        ("zorb\r\nred hair\r\n", "", 2, "zorb, red hair\n"),
        ("zorb, red\n\nhat\n", "", 2, "zorb, red, hat\n"),
        ("\n\nzorb, hat", "", 2, "zorb, hat"),  # the first line is the empty one
        ("A photo of zorb.\n\nShe wears a hat.\n", "", 2, "A photo of zorb. She wears a hat.\n"),
        ("zorb\u2028hat", "", 2, "zorb, hat"),
        ("zorb，red hair，smile、hat", "，", 1, "zorb, red hair, smile, hat"),
        ("zorb； red ；hat\n", "；", 1, "zorb, red, hat\n"),
        ("zorb, red，hat", "，", 1, "zorb, red, hat"),
        ("zorb،red", "،", 1, "zorb, red"),
        ("zorb;red;hat", ";", 1, "zorb, red, hat"),
        ("zorb | red | hat\n", "|", 1, "zorb, red, hat\n"),
        ("zorb\tred\that", "\t", 1, "zorb, red, hat"),
        ("zorb . red . hat", " . ", 1, "zorb, red, hat"),
        ("1girl red_hair blue_eyes", " ", 1, "1girl, red_hair, blue_eyes"),
        ("zorb，{a，b|c}，hat", "，", 1, "zorb, {a，b|c}, hat"),
        ("zorb，red\nhat；cap", "，", 2, "zorb, red, hat, cap"),
        # As they should be:
        ("zorb, red hair\n", "", 1, "zorb, red hair\n"),
        ("zorb|||red, hat;;;cap", "", 1, "zorb|||red, hat;;;cap"),
        ("{red|blue|green} hat", "", 1, "{red|blue|green} hat"),
        ("a woman in a long_dress at the sea", "", 1, "a woman in a long_dress at the sea"),
        ("she came; she saw; then she sat down beside the old well and laughed", "", 1, None),
        ("", "", 0, ""),
        ("\n", "", 0, "\n"),
    ],
)
def test_what_is_seen_and_mended(text: str, mark: str, lines: int, fixed: str | None) -> None:
    assert (separator_of(text), line_count(text)) == (mark, lines)
    assert fix(text, "zorb") == (text if fixed is None else fixed)


def test_each_alone() -> None:
    text = "zorb，red\nhat"
    assert repaired(separators=False)(text, "") == "zorb，red, hat"
    assert repaired(lines=False)(text, "") == "zorb, red\nhat"


PIECES = st.text(st.characters(codec="utf-8"), max_size=6)
MARKS = ["zorb", "red_hair", "{a|b}", "|||", ";;;", ",", "\n", "\r\n", ";", "|", "\t", " ", *COMMAS]
CAPTIONS = st.lists(PIECES | st.sampled_from(MARKS), max_size=14).map("".join)


@given(CAPTIONS)
def test_once_is_enough_and_no_word_is_lost(text: str) -> None:
    once = fix(text, "zorb")
    assert fix(once, "zorb") == once
    assert line_count(once) <= 1
    divides = {*COMMAS, *",;|/.\u30fb\u00b7\u2022\ufeff"}

    def kept(value: str) -> str:
        return "".join(c for c in value if not c.isspace() and c not in divides and c not in "\x1c\x1d\x1e")

    assert kept(once) == kept(text)


@given(
    st.lists(st.text("abcdefg ", min_size=1, max_size=9).map(str.strip).filter(bool), min_size=1, max_size=6)
)
def test_good_captions_stay(tags: list[str]) -> None:
    text = ", ".join(tags) + "\n"
    assert fix(text, "zorb") == text


def test_they_are_found_by_name(make: Make) -> None:
    version = make({"a": "zorb, red", "b": "zorb,\nred", "c": "zorb，red", "d": "zorb;red;hat"})
    found = {finding.id: finding for finding in check_captions(version, "", 75)}
    assert {name: finding.where for name, finding in found.items()} == {
        "caption-lines": ("b.png",),
        "caption-separators": ("c.png", "d.png"),
    }
    assert "， ;" in found["caption-separators"].sentence
    assert all("captions fix" in finding.fix for finding in found.values())


def test_lines_that_are_choices_and_a_separator_of_one_s_own_are_fine(make: Make) -> None:
    version = make({"b": "zorb,\nred", "c": "zorb;red;hat"})
    assert check_captions(version, "", 75, Reading(";", takes_lines=True)) == []


def test_counts_are_what_training_sees_and_undo_brings_the_file_back(make: Make) -> None:
    version = make({"a": "zorb,\nred", "b": "zorb，red"})
    assert tag_counts(read_captions(version), first_lines=True) == {"zorb": 1, "zorb，red": 1}
    apply_edit(version, "fix", fix)
    assert tag_counts(read_captions(version), first_lines=True) == {"red": 2, "zorb": 2}
    undo(version)
    assert [file.text for file in read_captions(version)] == ["zorb,\nred", "zorb，red"]
    assert journal.read_state(version).undone[0].what == "fix"


def test_the_first_line_is_read_even_where_it_is_empty() -> None:
    assert parse("\nzorb, red").first_line_tags == []
    assert parse("zorb, red\nhat").first_line_tags == ["zorb", "red"]
