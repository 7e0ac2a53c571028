"""What the services can say is there in Chinese, too."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import train_tools
from train_tools.ui.sentences import FILE, HOLE, in_chinese, pattern_of

ROOT = Path(train_tools.__file__).parent
# The commands' own words are for a terminal; the small models' trainers are started by hand.
NOT_SHOWN = {"small_models", "commands", "__main__.py", "cli.py"}
ERRORS = re.compile(r"\w*(Error|Refused|Failed)$")
# Other calls whose first text (or the argument named) a person reads: function name -> position of the text.
SAYING: dict[str, int] = {}
TABLE: dict[str, str] = json.loads(FILE.read_text("utf-8"))


def template(node: ast.expr) -> str | None:
    """`f"there is no {what}"` -> `there is no {1}`; None where the text is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    text, holes = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            holes += 1
            text += f"{{{holes}}}"
    return text


def sentences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        position = 0 if ERRORS.match(name) else SAYING.get(name)
        if position is not None and len(node.args) > position:
            said = template(node.args[position])
            if said and " " in said and HOLE.sub("", said).strip(" :;,.()'"):
                yield said


def all_sentences() -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] not in NOT_SHOWN:
            found.update(dict.fromkeys(sentences(ast.parse(path.read_text("utf-8")))))
    return list(found)


def test_every_sentence_has_its_translation() -> None:
    assert [sentence for sentence in all_sentences() if sentence not in TABLE] == []


@pytest.mark.parametrize("english", TABLE)
def test_a_translation_keeps_what_it_is_about(english: str) -> None:
    chinese = TABLE[english]
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert set(HOLE.findall(chinese)) <= set(HOLE.findall(english))


def test_holes_are_filled_and_may_hold_sentences() -> None:
    assert pattern_of("a {1} b {2}").fullmatch("a x y b z")
    assert in_chinese("no such sentence is known") == "no such sentence is known"
