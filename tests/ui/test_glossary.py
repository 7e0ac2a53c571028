"""Chinese at one standard: one word a thing, full-width punctuation, nothing left in English but names.

Every text that a person may read: the page's words, the services' sentences, labels and help of all settings, presets,
scores, the webui's own tab.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import train_tools
from train_tools.arguments.wording import wordings
from train_tools.captioning.settings import CaptioningSettings
from train_tools.compare.scores.measures import MEASURES
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.dataset.settings import DatasetSettings
from train_tools.environment.program import ProgramSettings
from train_tools.planning.presets import shipped
from train_tools.preview.settings import PreviewSettings
from train_tools.publish.settings import PublishSettings
from train_tools.ui.sentences import FILE
from train_tools.ui.texts import texts
from train_tools.workspace.catalogue import entries_of

ROOT = Path(train_tools.__file__).parents[1]
HAN = "\u4e00-\u9fff"
SETTINGS = (
    DatasetSettings, CaptioningSettings, PreviewSettings, ScoreSettings, PublishSettings, ProgramSettings,
)  # fmt: skip
# What is typed or shown as it is: code, addresses, names with underscores, placeholders, examples of a syntax.
TYPED = re.compile(
    r"`[^`]*`|\\[()]|https?://\S+|\{[^{}]*\}|<[^<>]*>|\((?:词|[+\d.]+)[^()]*\)|\[[^\[\]]*\]|--\w[\w-]*(?: '\*')?"
    r"|[\w*]+(?:[.:=][\w*]+)+|\w+=\w+|(?:[\w.=:]+,)+[\w.=:]+|[|;]{2,}|[!=<>]=?"
)
NAMES = ("sd-scripts", "xformers", "wandb", "torch", "pip", "gamma", "tagger", "deepbooru", "txt", "ntfy")
HALF = re.compile(
    rf"(?<=[{HAN}”）]) ?[,;:?!](?!//)|[,;:?!] ?(?=[{HAN}“（])|\((?=[^()]*[{HAN}])|(?<=[{HAN}])[()]"
)


def glossary() -> list[tuple[str, str, list[str]]]:
    """(English, Chinese, what isn't used)."""
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [(english, chinese, re.split("[、]", avoided)) for english, chinese, avoided in rows[2:]]


def chinese() -> Iterator[tuple[str, str]]:
    """(where, text)."""
    yield from ((name, pair[1]) for name, pair in texts().items())
    yield from ((english, text) for english, text in json.loads(FILE.read_text("utf-8")).items())
    for name, said in wordings().items():
        yield from ((name, text) for text in (said.labels[1], said.helps[1]))
    for kind in SETTINGS:
        yield from ((entry.name, entry.zh) for entry in entries_of("", kind))
    yield from ((preset.name, preset.zh) for preset in shipped().values())
    yield from ((one.id, text) for one in MEASURES for text in (one.title[1], one.help[1]))
    webui = json.loads((ROOT / "localizations" / "zh_CN.json").read_text("utf-8"))
    yield from webui.items()


def without_typed(text: str) -> str:
    return TYPED.sub("\u25a1", text)


def test_the_glossary_is_large_enough_to_hold_something() -> None:
    rows = glossary()
    assert len(rows) >= 30
    assert [english for english, _, _ in rows] == sorted((e for e, _, _ in rows), key=str.lower)
    assert len({word for _, word, _ in rows}) == len(rows)
    assert all(avoided and word not in avoided for _, word, avoided in rows)


@pytest.mark.parametrize(("english", "word", "avoided"), glossary(), ids=lambda value: str(value)[:20])
def test_a_thing_has_one_word(english: str, word: str, avoided: list[str]) -> None:
    pattern = re.compile(
        "|".join(rf"(?<![A-Za-z_]){a}(?![A-Za-z_=])" if a.isascii() else re.escape(a) for a in avoided)
    )
    assert [(where, text) for where, text in chinese() if pattern.search(without_typed(text))] == []


def test_chinese_has_full_width_punctuation() -> None:
    assert [(where, text) for where, text in chinese() if HALF.search(without_typed(text))] == []
    assert [text for _, text in chinese() if re.search("[「」]", text)] == []


def test_nothing_is_left_in_english() -> None:
    """A text without Chinese is a name, or the same in both languages."""
    left = [
        (where, text)
        for where, text in chinese()
        if where != "page.language" and not re.search(f"[{HAN}]", text)
    ]
    assert [one for one in left if not is_name(one[1])] == []


def is_name(text: str) -> bool:
    words = re.findall(r"[A-Za-z][\w.-]*", re.sub(r"\{\w+\}", "", text))
    return all(word[0].isupper() or word in NAMES for word in words)
