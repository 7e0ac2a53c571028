"""Labels and help of every argument: both languages, whole sentences, the most used ones by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import train_tools
from train_tools.arguments.table import KNOWN, ROWS
from train_tools.arguments.wording import label_of, named, wording_of, wordings
from train_tools.workspace import toml

PRESETS = [*Path(train_tools.__file__).parent.rglob("presets.toml")]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("name", [*KNOWN])
def test_each_says_what_it_is_in_both_languages(name: str) -> None:
    said = wordings()[name]
    english, chinese = said.helps
    assert re.match(r"[A-Z]|[a-z]+[A-Z_-]|(auto|copy|system) ", english), english
    assert len(english.split()) >= 3, english
    assert CHINESE.search(chinese)
    if name != "sample_prompts":  # that one ends in an example
        assert english.endswith(".")
        assert chinese.endswith("。")
    for label in said.labels:
        assert 1 < len(label) <= 40
        assert "_" not in label.replace("in_json", "")
        assert (
            label[0] == label[0].upper() or re.match("xformers|wandb|in_json", label) or CHINESE.search(label)
        )


def test_two_settings_are_never_called_alike() -> None:
    for place in (0, 1):
        labels = [said.labels[place].lower() for said in wordings().values()]
        assert len(labels) == len(set(labels))


def test_none_is_left_over() -> None:
    assert set(wordings()) == set(KNOWN) | {row.name for row in ROWS}


def test_those_that_people_use_were_written_by_hand() -> None:
    by_hand = {name for name, said in wordings().items() if not said.is_hearsay}
    assert len(by_hand) > 150
    assert {row.name for row in ROWS if row.importance == "beginner"} <= by_hand
    in_presets = {
        name
        for path in PRESETS
        for preset in toml.loads(path.read_text("utf-8")).values()
        for name in preset.get("training", {})
    }
    assert len(in_presets) > 15
    assert in_presets <= by_hand


def test_an_argument_is_called_by_its_label_with_its_name_beside_it() -> None:
    assert label_of("network_dim", "en") == "Rank"
    assert named("learning_rate", "en") == "Learning rate (learning_rate)"
    assert named("learning_rate", "zh") == "学习率（learning_rate）"
    new = wording_of("brand_new_trick", "what sd-scripts prints of it")
    assert new.label_in("en") == "Brand new trick"
    assert new.label_in("zh") == "brand_new_trick"
    assert new.help_in("zh") == "what sd-scripts prints of it"
    assert new.is_hearsay
