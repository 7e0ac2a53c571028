"""Settings of preprocessing, stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ImageColor

from train_tools.errors import UsageError
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import build, setting, validate
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class DatasetSettings:
    concept: str = setting("", help="what the images show, and the trigger word; empty: the project's name")
    repeats: int = setting(10, help="times each image is shown in an epoch", minimum=1, maximum=10000)
    width: int = setting(512, help="pixels; with height the area to scale to", minimum=8, maximum=8192)
    height: int = setting(512, help="pixels", minimum=8, maximum=8192)
    keep_aspect: bool = setting(True, help="leave the shape to buckets; false: crop the centre")
    flip: bool = setting(False, help="add a mirrored copy of each image")
    alpha_colour: str = setting("#ffffff", help="colour behind transparent parts, as #rrggbb or a CSS name")

    def __post_init__(self) -> None:
        validate(self)
        if self.concept:
            check_name(self.concept, "concept")
        try:
            ImageColor.getrgb(self.alpha_colour)
        except ValueError as error:
            raise UsageError(
                f"setting alpha_colour is {self.alpha_colour!r}; allowed: #rrggbb or a CSS colour name"
            ) from error

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> DatasetSettings:
        """Text or typed values; raises UsageError with the setting, the value and what is allowed."""
        return build(cls, mapping)

    def concept_of(self, version: Version) -> str:
        return self.concept or version.project

    def background(self) -> tuple[int, int, int]:
        """`alpha_colour` as red, green, blue from 0 to 255."""
        return ImageColor.getrgb(self.alpha_colour)[:3]
