"""What a tag does, and what the trigger word could carry instead."""

from __future__ import annotations

from pathlib import Path

from train_tools.dataset.training import TrainingImage
from train_tools.tags.files import CaptionFile
from train_tools.tags.insight import carried, insight


def files(*texts: str | None, concept: str = "zorb") -> list[CaptionFile]:
    return [
        CaptionFile(TrainingImage(Path(f"{n}.png"), concept, 1), f"{concept}/{n}.txt", text)
        for n, text in enumerate(texts)
    ]


def test_a_tag_with_what_it_stands_beside() -> None:
    found = insight(files("zorb, hat, red", "zorb, Hat, blue", "zorb, red", "hat", None), "hat", "{concept}")
    assert (found.names, found.of, found.role, found.emptied) == (
        ("zorb/0.txt", "zorb/1.txt", "zorb/3.txt"),
        4,
        "sometimes",
        1,
    )
    assert [(one.tag, one.together, one.count) for one in found.beside] == [
        ("zorb", 2, 3),
        ("blue", 1, 1),
        ("red", 1, 2),
    ]


def test_the_roles_of_tags() -> None:
    captions = files(*(["zorb, hair, hat"] * 4), *(["zorb, hair"] * 6), "zorb, cup")
    roles = {tag: insight(captions, tag, "{concept}").role for tag in ("zorb", "hair", "hat", "cup", "gone")}
    assert roles == {
        "zorb": "trigger",
        "hair": "everywhere",
        "hat": "sometimes",
        "cup": "rare",
        "gone": "absent",
    }


def test_what_the_trigger_word_could_carry_by_concept() -> None:
    captions = [
        *files(*(["zorb, hair, hat"] * 3), "zorb, hair, cup", "hair"),
        *files("dog, tail", concept="dog"),
    ]
    zorb, dog = carried(captions, "{concept}")
    assert (zorb.trigger, zorb.captions, zorb.without) == ("zorb", 4, 1)
    assert (zorb.tags, zorb.rare) == ((("hair", 4), ("hat", 3)), (("cup", 1),))
    assert (dog.trigger, dog.tags, dog.rare) == ("dog", (), (("tail", 1),))
    assert carried(captions, "") == []
