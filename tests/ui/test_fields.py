"""A field says what it is: a label, help in whole sentences, words for its choices, in both languages."""

from __future__ import annotations

import re

import pytest

from train_tools.captioning.settings import CaptioningSettings
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.dataset.settings import DatasetSettings
from train_tools.environment.program import ProgramSettings
from train_tools.planning.catalogue import training_entries
from train_tools.preview.settings import PreviewSettings
from train_tools.publish.settings import PublishSettings
from train_tools.ui.fields import field_of
from train_tools.workspace.catalogue import Entry, entries_of

STATED = {
    "dataset": DatasetSettings, "captioning": CaptioningSettings, "preview": PreviewSettings,
    "score": ScoreSettings, "publish": PublishSettings, "program": ProgramSettings,
}  # fmt: skip
ENTRIES = [entry for section, kind in STATED.items() for entry in entries_of(section, kind)]
TRAINING = training_entries()
# A sentence may begin with a value that is typed so.
BEGINS = re.compile(r"[A-Z-]|(auto|copy|link|system|host|keep|off) ")


@pytest.mark.parametrize("entry", [*ENTRIES, *TRAINING], ids=lambda entry: f"{entry.section}.{entry.name}")
def test_a_field_speaks_to_people(entry: Entry) -> None:
    english, chinese = field_of(entry, "en"), field_of(entry, "zh")
    assert english["label"] != entry.name or entry.name in ("xformers",)
    assert chinese["label"]
    for said in (english["help"], english["allowed"]):
        assert not said or (BEGINS.match(said) and re.search(r"[.)]$|--s 24$", said)), said
        assert not re.search(r"\bnull\b|undefined|\[object|\bNone\b(?! [a-z])", said)
    for said in (chinese["help"], chinese["allowed"]):
        assert not said or re.search("[。）]$|--s 24$", said), said
    for choice, words in chinese.get("options", ()):
        assert choice in entry.choices
        assert words


def test_what_a_field_takes_is_a_sentence_of_its_own() -> None:
    known = {entry.name: entry for entry in TRAINING}
    takes = known["learning_rate"].takes_in
    assert takes("en") == "It takes a number of at least 0; several are separated by commas."
    assert takes("zh") == "可填：数字，不小于 0；多个值用逗号分隔。"
    assert known["flip_aug"].takes_in("en") == ""  # its choice shows on and off
    assert field_of(known["resolution"], "en")["allowed"].endswith("several are separated by semicolons.")
    (how,) = (entry for entry in ENTRIES if entry.name == "how")
    assert dict(field_of(how, "en")["options"])["link"] == "a hard link, which takes no space"
