"""The same text for every picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from train_tools.captioning.interface import CONCEPT, Picture, WithoutModel

if TYPE_CHECKING:
    from train_tools.captioning.settings import CaptioningSettings


class FixedText(WithoutModel):
    name = "text"

    def __init__(self, text: str) -> None:
        self.text = text

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        return [self.text.replace(CONCEPT, picture.concept).strip() for picture in pictures]


def made(settings: CaptioningSettings, _root: Path) -> FixedText:
    return FixedText(settings.text)
