"""The models that ship: a small Stable Diffusion 1 and a small BLIP captioner, and how they were made."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def base_model_file() -> Path:
    """The base model, one checkpoint in the original key layout with its `.yaml` beside it."""
    return WEIGHTS / "scenes-sd1.safetensors"


def captioner_folder() -> Path:
    """The captioner, a folder as transformers saves a BlipForConditionalGeneration."""
    return WEIGHTS / "scenes-blip"
