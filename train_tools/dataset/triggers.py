"""The words by which a LoRA is called, and regularisation images that are trained with them, which unlearns them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.training import TrainingImage
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version

CONCEPT = "{concept}"  # in captioning's prefix


def bears(name: str, triggers: Collection[str]) -> bool:
    """Whether a class's name is a word by which the LoRA is called, or holds one.

    Of `zorb person`, as trainers' folders are called, that is the whole and zorb: person is the class.
    """
    firsts = {word.split()[0].casefold() for word in triggers if word.split()}
    return name.casefold() in firsts or any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name, re.IGNORECASE) for word in triggers
    )


def triggers_of(version: Version, images: Iterable[TrainingImage]) -> list[str]:
    """The words by which the LoRA is called: concepts' names, and what captioning puts first."""
    prefix = str(read(version)["captioning"].get("prefix", ""))
    first = "" if CONCEPT in prefix else prefix.partition(",")[0].strip()
    return [word for word in dict.fromkeys([*(image.concept for image in images), first]) if word]


def is_trained_as(image: TrainingImage, triggers: Sequence[str]) -> bool:
    """Whether all that a regularisation image is called is a trigger word, alone or before others."""
    try:
        caption = image.caption()
    except UnreadableCaptionError:
        return False
    if caption is not None:
        return caption.strip(" ,").casefold() in {trigger.casefold() for trigger in triggers}
    return bears(image.concept, triggers)
