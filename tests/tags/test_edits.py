"""Each edit, on one caption."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from train_tools.errors import UsageError
from train_tools.tags import edits
from train_tools.tags.caption import comparable, parse
from train_tools.tags.edits import Edit

SYNONYMS = {"boots": (("red boots",),), "red footwear": (("red boots",),)}


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (edits.add("hat"), "a, b\n", "hat, a, b\n"),
        (edits.add("hat", back=True), "a, b", "a, b, hat"),
        (edits.add("a, c"), "b, A", "c, b, A"),
        (edits.add("hat"), "", "hat\n"),
        (edits.add("hat"), "\n", "hat\n"),
        (edits.add("hat"), "  \r\n", "hat\r\n"),
        (edits.add("x"), "one\n\ntwo\n", "x, one\n\nx, two\n"),
        (edits.add("x"), "zorb ||| a", "x, zorb ||| a"),
        (edits.add("x", back=True), "zorb ||| a ||| b", "zorb ||| a ||| b, x"),
        (edits.add("{x, y|z}"), "a", "{x, y|z}, a"),
        (edits.add("x"), "\ufeffa", "\ufeffx, a"),
        (edits.remove("b"), "a,b,c", "a, c"),
        (edits.remove("b"), "a,c", "a,c"),
        (edits.remove("b, c"), "a, B ;;;d, c ||| c", "a, d ||| "),
        (edits.remove("b"), "a, {b|c}", "a, {b|c}"),
        (edits.remove("hat (red)"), r"a, hat \(red\)", "a"),
        (edits.remove("a"), "a\n", "\n"),
        (edits.replace("b", "c, d"), "a, b, e", "a, c, d, e"),
        (edits.replace("b", "B"), "a, b", "a, B"),
        (edits.replace("a", "x, y"), "a;;;b, c", "x;;;y;;;b, c"),
        (edits.merge(SYNONYMS), "boots, red footwear, hat, red boots", "red boots, hat"),
        (edits.merge(SYNONYMS), "red boots, hat, red boots", "red boots, hat, red boots"),
        (edits.dedupe(), "a, b, A, a;;;c ||| b", "a, b, c ||| "),
        (edits.sort(None, 1), "zorb, c, B, a;;;z", "zorb, a;;;z, B, c"),
        (edits.sort(None, 3), "zorb ||| c, a ||| z, y", "zorb ||| a, c ||| z, y"),
        (edits.sort({"c": 5, "b": 9}, 0), "a, c, b, d", "b, c, a, d"),
        (edits.first("{concept}"), "a, Zorb, b", "zorb, a, b"),
        (edits.first("{concept}"), "a, b", "a, b"),
        (edits.first("{concept}"), "Zorb, b", "Zorb, b"),
        (edits.first("zorb", insert=True), "a, b", "zorb, a, b"),
        (edits.first("zorb", insert=True), "", "zorb\n"),
        (edits.first("zorb"), "", ""),
        (edits.first("zorb"), "a ||| b, zorb", "zorb, a ||| b"),
        (edits.regex(r"(\w+) hat", r"hat in \1"), "red hat, blue hat\n", "hat in red, hat in blue\n"),
        (edits.regex("^a$", "b, c", tags_only=True), "a, ab", "b, c, ab"),
        (edits.regex("^a$", "", tags_only=True), "a, ab", "ab"),
        (edits.regex("$", ", end"), "a\r\n", "a, end\r\n"),
        (edits.set_text("new"), "old", "new\n"),
    ],
)
def test_edit(edit: Edit, before: str, after: str) -> None:
    assert edit(before, "zorb") == after


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: edits.add(" ,"), "names no tag"),
        (lambda: edits.add("a\nb"), "names no tag"),
        (lambda: edits.replace("a", ""), "names no tag"),
        (lambda: edits.regex("(", ""), "no regular expression"),
        (lambda: edits.regex("a", r"\2"), "can't be used"),
        (lambda: edits.regex("a", r"\g<x>"), "can't be used"),
        (lambda: edits.first("a, b")("c", ""), "more than one tag"),
    ],
)
def test_wrong_arguments(make: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()  # type: ignore[operator]


TAGS = st.lists(
    st.sampled_from(["zorb", "Zorb", "a", "b b", "{a, b|c}", "d;;;a", "e ||| f", "小"]), max_size=8
)


@hypothesis_settings(max_examples=100, deadline=None)
@given(TAGS.map(", ".join))
def test_edits_twice_are_edits_once_and_no_tag_is_lost(text: str) -> None:
    for edit in (
        edits.add("new"), edits.remove("a"), edits.dedupe(), edits.sort(None, 1), edits.first("zorb", insert=True)
    ):  # fmt: skip
        once = edit(text, "zorb")
        assert edit(once, "zorb") == once
    before = sorted(parse(text).tags)
    assert sorted(parse(edits.sort(None, 1)(text, "")).tags) == before
    assert {comparable(t) for t in parse(edits.dedupe()(text, "")).tags} == {comparable(t) for t in before}
    assert "a" not in parse(edits.remove("a")(text, "")).tags
