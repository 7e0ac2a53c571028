"""Lumina Image 2.0's pictures, drawn with sd-scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from library import lumina_train_util, lumina_util, sd3_train_utils, strategy_lumina

from train_tools.families.drawing import (
    FP8,
    Drawing,
    Picture,
    Settings,
    Text,
    decoded,
    moved,
    noise,
    placed,
)

STEP = 8  # pixels of a side that become one of the latents
CHANNELS = 16
SHIFT = 6.0  # sd-scripts', and its authors' own
# Guidance counts in the first part of the way alone, and makes no step longer: as its authors draw, and sd-scripts.
GUIDED_PART, LONGEST_STEP = 0.25, 1.0


class LuminaDrawing(Drawing):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        arguments = settings.arguments
        self._base = str(arguments["pretrained_model_name_or_path"])
        self._tokenizers = strategy_lumina.LuminaTokenizeStrategy(
            arguments.get("system_prompt"),
            arguments.get("gemma2_max_token_length"),
            settings.path("tokenizer_cache_dir"),
        )
        self._encoding = strategy_lumina.LuminaTextEncodingStrategy()

    def text_encoders(self) -> list[Any]:
        settings = self._settings
        gemma2 = lumina_util.load_gemma2(settings.path("gemma2"), settings.dtype, "cpu").eval()
        return [gemma2.to(settings.device, dtype=settings.dtype)]

    def encode(self, encoders: Sequence[Any], text: str) -> Text:
        return self._encode(encoders, self._tokenizers.tokenize(text))

    def encode_negative(self, encoders: Sequence[Any], text: str) -> Text:
        """Without the words that tell the model what it is to be."""
        return self._encode(encoders, self._tokenizers.tokenize(text, is_negative=True))

    def _encode(self, encoders: Sequence[Any], tokens: Any) -> Text:
        """The hidden states and their mask."""
        with self._settings.autocast():
            hidden, _, mask = self._encoding.encode_tokens(self._tokenizers, list(encoders), tokens)
        return moved((hidden, mask), torch.device("cpu"))

    def transformer(self) -> Any:
        settings = self._settings
        dtype = None if settings.is_fp8 else settings.dtype
        lumina = lumina_util.load_lumina_model(self._base, dtype, torch.device("cpu"))
        if settings.is_fp8 and lumina.dtype != FP8:
            lumina.to(FP8)
        return placed(lumina, settings)

    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        device = self._settings.device
        shift = SHIFT if picture.shift is None else picture.shift
        scheduler = sd3_train_utils.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift)
        scheduler.set_timesteps(picture.steps, device=device)
        with self._settings.autocast():
            latents: torch.Tensor = lumina_train_util.denoise(
                scheduler,
                transformer,
                noise((1, CHANNELS, picture.height // STEP, picture.width // STEP), picture.seed, device),
                *moved(text, device),
                *moved(text if negative is None else negative, device),
                scheduler.timesteps,
                picture.cfg_scale,
                GUIDED_PART if negative is not None else 0.0,
                LONGEST_STEP,
            )
        return latents

    def vae(self) -> Any:
        settings = self._settings
        return lumina_util.load_ae(settings.path("ae"), settings.dtype, "cpu").eval()

    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        return decoded(vae, latents, self._settings)


DRAWING = LuminaDrawing
