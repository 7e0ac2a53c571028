"""What becomes of images that have fewer pixels than asked for."""

from __future__ import annotations

from dataclasses import replace

from train_tools.dataset.operations.crop import Crop

KEEP, UPSCALE, SKIP = "keep", "upscale", "skip"


def small_image(crop: Crop, action: str) -> Crop | None:
    """`keep`: never enlarged, the same part with the pixels it has; None where it is skipped."""
    if not crop.is_enlarged or action == UPSCALE:
        return crop
    if action == SKIP:
        return None
    left, top, right, bottom = crop.box
    return replace(crop, size=(max(1, round(right - left)), max(1, round(bottom - top))))
