"""The same text for every picture."""

from __future__ import annotations

from collections.abc import Sequence

from train_tools.captioning.interface import Picture, WithoutModel

CONCEPT = "{concept}"  # stands for the concept's name


class FixedText(WithoutModel):
    name = "text"

    def __init__(self, text: str) -> None:
        self.text = text

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        return [self.text.replace(CONCEPT, picture.concept).strip() for picture in pictures]
