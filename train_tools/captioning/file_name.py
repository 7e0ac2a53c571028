"""The file's name as a caption, for people who name their pictures by what they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train_tools.captioning.interface import Picture, WithoutModel

if TYPE_CHECKING:
    from train_tools.captioning.settings import CaptioningSettings

PROCESSED = re.compile(r"\d{5}-\d+-")  # what processing puts before the original's name
SEPARATORS = re.compile(r"[\s_.+~-]+")
BRACKETS = re.compile(r"[\[({](?=[\s\d]*[\])}])[\s\d]*[\])}]")
NUMBER = re.compile(r"\d+")


class FileName(WithoutModel):
    name = "filename"

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        return [cleaned(picture.stem) for picture in pictures]


def cleaned(stem: str) -> str:
    """`00001-0-red_hat-side view (2)` -> `red hat side view`.

    What processing put before the name goes; blanks and `_ - . + ~` in a row become one blank; words of
    digits alone and numbers in brackets go. Commas stay, so that a name may be a list of tags.
    """
    name = BRACKETS.sub(" ", PROCESSED.sub("", stem, count=1) if PROCESSED.match(stem) else stem)
    parts = [SEPARATORS.sub(" ", part).split() for part in name.split(",")]
    texts = (" ".join(word for word in part if not NUMBER.fullmatch(word)) for part in parts)
    return ", ".join(text for text in texts if text)


def made(_settings: CaptioningSettings, _root: Path) -> FileName:
    return FileName()
