"""All captioners, a row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from train_tools.small_models import captioner_folder

if TYPE_CHECKING:
    from train_tools.captioning.interface import Captioner
    from train_tools.captioning.settings import CaptioningSettings


@dataclass(frozen=True)
class Entry:
    description: str
    make: Callable[[CaptioningSettings], Captioner]


def make_blip(settings: CaptioningSettings) -> Captioner:
    # Brings torch and transformers, seconds that no other command should wait for.
    from train_tools.captioning.blip import BlipCaptioner

    folder = Path(settings.model) if settings.model else captioner_folder()
    return BlipCaptioner(folder, beams=settings.beams, max_tokens=settings.max_tokens)


CAPTIONERS = {
    "blip": Entry(
        "BLIP: a sentence; the small model that ships, or any folder of a BLIP captioning model", make_blip
    ),
}
