"""Settings of captioning, stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.captioning.registry import CAPTIONERS
from train_tools.workspace.settings import build, setting, validate

EXISTING = ("keep", "ignore", "prepend", "append")
CONCEPT = "{concept}"  # in prefix and suffix: stands for the concept's name


@dataclass(frozen=True)
class CaptioningSettings:
    captioner: str = setting("blip", help="which captioner", choices=tuple(CAPTIONERS))
    model: str = setting("", help="folder of another model for the captioner; empty: the one that ships")
    existing: str = setting(
        "keep",
        help="what becomes of a caption that is there: keep it and fill only empty ones, ignore it, "
        "prepend it to the new one or append it",
        choices=EXISTING,
    )
    prefix: str = setting(CONCEPT, help=f"put first, the trigger word; {CONCEPT} is the concept's name")
    suffix: str = setting("", help=f"put last; {CONCEPT} is the concept's name")
    beams: int = setting(1, help="beam search width; 1: greedy, the fastest", minimum=1, maximum=16)
    max_tokens: int = setting(40, help="longest caption", minimum=4, maximum=200)
    batch_size: int = setting(8, help="images at once", minimum=1, maximum=256)

    def __post_init__(self) -> None:
        validate(self)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> CaptioningSettings:
        """Text or typed values; raises UsageError with the setting, the value and what is allowed."""
        return build(cls, mapping)
