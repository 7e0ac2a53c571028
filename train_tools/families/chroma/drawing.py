"""Chroma's pictures, drawn with sd-scripts: as FLUX.1's, by T5-XXL's texts alone and without guidance."""

from __future__ import annotations

from typing import Any

from library import flux_utils

from train_tools.families.drawing import Picture, Settings
from train_tools.families.flux.drawing import FluxDrawing


class ChromaDrawing(FluxDrawing):
    model_type = "chroma"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._is_masked = True  # Chroma was trained so, and asks for the mask

    def _looks_like_schnell(self) -> bool:
        return False

    def _clip_l(self) -> Any:
        """Stands at its place: networks count the text encoders, and FLUX.1's functions want its vector."""
        return flux_utils.dummy_clip_l().eval().to(self._settings.device)

    def _guidance(self, picture: Picture) -> float:
        return 0.0 if picture.guidance is None else picture.guidance


DRAWING = ChromaDrawing
