"""What one tag does in the captions: how often it stands there, with what, and what it takes from the trigger word.

A LoRA learns what all images share under the word that all captions share. What captions name besides is learned under
its own name: it comes only when a prompt asks for it. So a trait that belongs to the trigger word must not be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from train_tools.tags.caption import comparable
from train_tools.tags.edits import CONCEPT
from train_tools.tags.files import CaptionFile
from train_tools.tags.service import tag_counts

NEARLY_ALL = 0.8  # of a concept's captions; ours: guides say "what is always there" and give no figure
FEW = 2  # captions; what stands in as many or fewer is hardly learned
MOST_BESIDE = 24
TRIGGER, EVERYWHERE, SOMETIMES, RARE, ABSENT = "trigger", "everywhere", "sometimes", "rare", "absent"


@dataclass(frozen=True)
class Beside:
    """`together` of the `count` captions with this tag have the other one, too."""

    tag: str
    together: int
    count: int


@dataclass(frozen=True)
class Insight:
    """Of one tag: the captions that have it by name, `of` all that hold something; `emptied` hold nothing else."""

    tag: str
    names: tuple[str, ...]
    of: int
    role: str
    beside: tuple[Beside, ...]
    emptied: int


@dataclass(frozen=True)
class Carried:
    """What a concept's trigger word could carry: tags with the number of its `captions` that have them.

    `without` is how many captions of the concept lack the trigger word.
    """

    concept: str
    trigger: str
    captions: int
    without: int
    tags: tuple[tuple[str, int], ...]
    rare: tuple[tuple[str, int], ...]


def insight(files: Sequence[CaptionFile], tag: str, activation: str) -> Insight:
    """`activation` is the trigger word, in which {concept} stands for the image's."""
    wanted = comparable(tag)
    written = [file for file in files if file.caption.tags]
    holding = [file for file in written if wanted in _tags(file)]
    counts = tag_counts(written)
    together = tag_counts(holding)
    beside = [
        Beside(one, number, counts[one])
        for one, number in _known(together, counts)
        if comparable(one) != wanted
    ]
    triggers = {comparable(activation.replace(CONCEPT, file.image.concept)) for file in files}
    return Insight(
        tag,
        tuple(file.name for file in holding),
        len(written),
        TRIGGER if wanted in triggers else _role(len(holding), len(written)),
        tuple(beside[:MOST_BESIDE]),
        sum(_tags(file) == {wanted} for file in holding),
    )


def carried(files: Sequence[CaptionFile], activation: str) -> list[Carried]:
    """By concept. Nothing where there is no trigger word."""
    found = []
    for concept in dict.fromkeys(file.image.concept for file in files):
        trigger = activation.replace(CONCEPT, concept)
        if not trigger:
            continue
        own = [file for file in files if file.image.concept == concept and file.caption.tags]
        holding = [file for file in own if comparable(trigger) in _tags(file)]
        counts = tag_counts(holding)
        others = [(tag, number) for tag, number in counts.items() if comparable(tag) != comparable(trigger)]
        common = [(tag, number) for tag, number in others if number >= len(holding) / 2 and number > FEW]
        rare = [(tag, number) for tag, number in others if number <= FEW]
        found.append(
            Carried(concept, trigger, len(holding), len(own) - len(holding), tuple(common), tuple(rare))
        )
    return found


def _tags(file: CaptionFile) -> set[str]:
    return {comparable(tag) for tag in file.caption.tags}


def _known(together: Counter[str], counts: Counter[str]) -> list[tuple[str, int]]:
    """The spellings of all captions, as those of some may be others."""
    spelt = {comparable(tag): tag for tag in counts}
    return [(spelt[comparable(tag)], number) for tag, number in together.items()]


def _role(count: int, of: int) -> str:
    if not count:
        return ABSENT
    if count >= NEARLY_ALL * of and count > FEW:
        return EVERYWHERE
    return RARE if count <= FEW else SOMETIMES
