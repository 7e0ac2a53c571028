"""FLUX.1's pictures, drawn with sd-scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from library import flux_train_utils, flux_utils, strategy_flux

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
    shifted,
)

PATCH = 16  # pixels of a side that become one token
CHANNELS = 64  # of a token: 16 of the latents, 2 by 2
GUIDANCE = 3.5  # of FLUX.1 dev, as its authors draw with it; schnell isn't told any
LONGEST = {"dev": 512, "schnell": 256}  # texts, in tokens


class FluxDrawing(Drawing):
    """Chroma is one, too, without CLIP-L and without guidance; `model_type` is sd-scripts' argument."""

    model_type = "flux"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        arguments = settings.arguments
        self._is_masked = bool(arguments.get("apply_t5_attn_mask"))
        self._base = str(arguments["pretrained_model_name_or_path"])
        self._is_schnell = self._looks_like_schnell()
        longest = arguments.get("t5xxl_max_token_length") or LONGEST["schnell" if self._is_schnell else "dev"]
        self._tokenizers = strategy_flux.FluxTokenizeStrategy(
            int(longest), settings.path("tokenizer_cache_dir")
        )
        self._encoding = strategy_flux.FluxTextEncodingStrategy(self._is_masked)

    def _looks_like_schnell(self) -> bool:
        return bool(flux_utils.analyze_checkpoint_state(self._base)[1])

    def text_encoders(self) -> list[Any]:
        return [self._clip_l(), self._t5xxl()]

    def _clip_l(self) -> Any:
        settings = self._settings
        clip_l = flux_utils.load_clip_l(settings.path("clip_l"), settings.dtype, "cpu")
        return clip_l.eval().to(settings.device, dtype=settings.dtype)

    def _t5xxl(self) -> Any:
        """In the precision of its file where the run trained with fp8."""
        settings = self._settings
        dtype = None if settings.keeps_fp8_texts else settings.dtype
        t5xxl = flux_utils.load_t5xxl(settings.path("t5xxl"), dtype, "cpu").eval()
        if settings.keeps_fp8_texts and t5xxl.dtype == FP8:
            from flux_train_network import FluxNetworkTrainer  # which loads much else

            FluxNetworkTrainer().prepare_text_encoder_fp8(1, t5xxl, t5xxl.dtype, settings.dtype)
            return t5xxl.to(settings.device)
        return t5xxl.to(settings.device, dtype=settings.dtype)

    def encode(self, encoders: Sequence[Any], text: str) -> Text:
        tokens = self._tokenizers.tokenize(text)
        with self._settings.autocast():
            parts = self._encoding.encode_tokens(self._tokenizers, list(encoders), tokens, self._is_masked)
        return moved(tuple(parts), torch.device("cpu"))

    def transformer(self) -> Any:
        settings = self._settings
        dtype = None if settings.is_fp8 else settings.dtype
        _, flux = flux_utils.load_flow_model(self._base, dtype, "cpu", model_type=self.model_type)
        if settings.is_fp8 and flux.dtype != FP8:
            flux.to(FP8)
        return placed(flux, settings)

    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        device = self._settings.device
        rows, columns = picture.height // PATCH, picture.width // PATCH
        start = noise((1, rows * columns, CHANNELS), picture.seed, device)
        pooled, hidden, places, mask = moved(text, device)
        against = None
        if negative is not None:
            pooled_against, hidden_against, _, mask_against = moved(negative, device)
            against = (
                picture.cfg_scale, pooled_against, hidden_against, mask_against if self._is_masked else None,
            )  # fmt: skip
        with self._settings.autocast():
            latents = flux_train_utils.denoise(
                transformer,
                start,
                flux_utils.prepare_img_ids(1, rows, columns).to(device),
                hidden,
                places,
                pooled,
                timesteps=self._levels(picture, rows * columns),
                guidance=self._guidance(picture),
                t5_attn_mask=mask if self._is_masked else None,
                neg_cond=against,
            )
        return flux_utils.unpack_latents(latents.float(), rows, columns)

    def _levels(self, picture: Picture, tokens: int) -> list[float]:
        if picture.shift is not None:
            levels: list[float] = shifted(torch.linspace(1, 0, picture.steps + 1), picture.shift).tolist()
            return levels
        return list(flux_train_utils.get_schedule(picture.steps, tokens, shift=not self._is_schnell))

    def _guidance(self, picture: Picture) -> float:
        return GUIDANCE if picture.guidance is None else picture.guidance

    def vae(self) -> Any:
        settings = self._settings
        return flux_utils.load_ae(settings.path("ae"), settings.dtype, "cpu").eval()

    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        return decoded(vae, latents, self._settings)


DRAWING = FluxDrawing
