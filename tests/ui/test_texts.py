"""Every text of the page is there in both languages, and none is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from train_tools.ui.fields import LABELS
from train_tools.ui.server import STATIC
from train_tools.ui.texts import texts

# `t("id"` in the page; t(`queue.state_${state}`) stands for all ids that start so.
USE = re.compile(r"""\bt\(\s*(?:"([\w.]+)"|'([\w.]+)'|`([\w.]*)\$\{)""")
# Those of the page, and of the board as a file.
SCRIPTS = sorted([*STATIC.rglob("*.js"), *STATIC.parents[1].glob("compare/export/*.js")])


def used() -> tuple[set[str], set[str]]:
    """Besides those that the server takes for its fields."""
    panels = {start.partition(".")[0] for start in LABELS.values()}
    ids, starts = set(), {*LABELS.values(), *(f"{panel}.choice_" for panel in panels)}
    for script in SCRIPTS:
        for one, other, start in USE.findall(script.read_text("utf-8")):
            (starts.add(start) if start else ids.add(one or other))
    return ids, starts


def test_no_text_is_missing() -> None:
    ids, starts = used()
    known = set(texts())
    assert ids - known == set()
    assert {start for start in starts if not any(name.startswith(start) for name in known)} == set()


def test_no_text_is_left_over() -> None:
    ids, starts = used()
    assert {name for name in texts() if name not in ids and not name.startswith(tuple(starts))} == set()


def test_both_languages_say_the_same() -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    assert {name for name, both in texts().items() if not all(map(str.strip, both))} == set()
    assert {
        name for name, (english, chinese) in texts().items() if places(english) != places(chinese)
    } == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: Path(path).name)
def test_no_words_stand_in_the_scripts(script: Path) -> None:
    """Chinese outside of the table would be shown to everybody."""
    code = script.read_text("utf-8").replace('"English" : "中文"', "")
    assert not re.search(r"[\u4e00-\u9fff]", code)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: Path(path).name)
def test_nothing_that_may_be_none_is_appended_as_a_word(script: Path) -> None:
    """`node.append(null, [a, b])` writes "null[object …]"; kit/dom.js has an `append` that knows better."""
    code = script.read_text("utf-8")
    for found in re.finditer(r"\.append\(", code):
        for argument in arguments_of(code[found.end() :]):
            assert not re.search(r"\? null :|: null$|&& |\.map\(\)$", argument), argument


def arguments_of(code: str) -> list[str]:
    """Up to the bracket that closes the call, with what stands in further brackets left out."""
    depth, pieces = 0, [""]
    for sign in code:
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            break
        if sign == "," and not depth:
            pieces.append("")
        elif depth == 0 or sign in "([{":
            pieces[-1] += sign if depth <= 1 else ""
    return [piece.strip() for piece in pieces]
