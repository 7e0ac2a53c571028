"""How often the images of each concept are shown in an epoch."""

from __future__ import annotations

from collections.abc import Mapping

from train_tools.dataset.settings import AUTOMATIC, MOST_REPEATS, DatasetSettings

SHOWN = 512  # images an epoch that automatic repeats aim at
LEAST = 4


def automatic_repeats(images: int) -> int:
    """max(4, floor(512 / images)), as sd-webui-train-tools computes its -1; here `images` are the pictures made,

    with mirrored copies and pieces, so a doubled set isn't shown twice as often.
    """
    return max(LEAST, SHOWN // images)


def repeats_of(images: Mapping[str, int], settings: DatasetSettings) -> dict[str, int]:
    """Repeats by concept; `images` counts each concept's pictures (1 and more).

    Balanced, every concept is shown about as often as the one that is shown most: repeats are
    round(most / images), where most is the largest images x repeats, and never below 1.
    """
    found = {}
    for concept, count in images.items():
        wanted = settings.repeats_of(concept)
        found[concept] = automatic_repeats(count) if wanted == AUTOMATIC else wanted
    if settings.balance_repeats and found:
        most = max(count * found[concept] for concept, count in images.items())
        found = {c: min(MOST_REPEATS, max(1, round(most / count))) for c, count in images.items()}
    return found
