"""Stable Diffusion 3's and 3.5's pictures, drawn with sd-scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from library import sd3_train_utils, sd3_utils, strategy_sd3

from train_tools.families.drawing import (
    FP8,
    Drawing,
    Picture,
    Settings,
    Text,
    moved,
    noise,
    on_device,
    placed,
    tensors_of,
)

STEP = 8  # pixels of a side that become one of the latents
CHANNELS = 16
SHIFT = 3.0  # sd-scripts', and Stability AI's own
LONGEST = 256  # T5's texts, in tokens
T5_PLACE = 2  # among the text encoders


class Sd3Drawing(Drawing):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        arguments = settings.arguments
        self._base = str(arguments["pretrained_model_name_or_path"])
        longest = int(arguments.get("t5xxl_max_token_length") or LONGEST)
        self._tokenizers = strategy_sd3.Sd3TokenizeStrategy(longest, settings.path("tokenizer_cache_dir"))
        self._encoding = strategy_sd3.Sd3TextEncodingStrategy()
        self._masks = bool(arguments.get("apply_lg_attn_mask")), bool(arguments.get("apply_t5_attn_mask"))

    def text_encoders(self) -> list[Any]:
        settings = self._settings
        clips = [
            load(settings.path(name), settings.dtype, "cpu", state_dict=self._inside(name)).eval()
            for name, load in (("clip_l", sd3_utils.load_clip_l), ("clip_g", sd3_utils.load_clip_g))
        ]
        return [*(clip.to(settings.device, dtype=settings.dtype) for clip in clips), self._t5xxl()]

    def _inside(self, name: str) -> dict[str, torch.Tensor]:
        """What the checkpoint holds of a text encoder, where no file is given.

        sd-scripts (48d368fa) finds it by the names of the file, and then looks for its weights under shorter ones.
        """
        if self._settings.path(name):
            return {}
        found = tensors_of(self._base, f"text_encoders.{name}.")
        return found | {key.replace(".transformer.", ".", 1): value for key, value in found.items()}

    def _t5xxl(self) -> Any:
        """In the precision of its file where the run trained with fp8."""
        settings = self._settings
        dtype = None if settings.keeps_fp8_texts else settings.dtype
        inside = self._inside("t5xxl")
        t5xxl = sd3_utils.load_t5xxl(settings.path("t5xxl"), dtype, "cpu", state_dict=inside).eval()
        if settings.keeps_fp8_texts and t5xxl.dtype == FP8:
            from sd3_train_network import Sd3NetworkTrainer  # which loads much else

            Sd3NetworkTrainer().prepare_text_encoder_fp8(T5_PLACE, t5xxl, t5xxl.dtype, settings.dtype)
            return t5xxl.to(settings.device)
        return t5xxl.to(settings.device, dtype=settings.dtype)

    def encode(self, encoders: Sequence[Any], text: str) -> Text:
        tokens = self._tokenizers.tokenize(text)
        with self._settings.autocast():
            of_clips, of_t5, pooled, *_ = self._encoding.encode_tokens(
                self._tokenizers, list(encoders), tokens, *self._masks, enable_dropout=False
            )
            return moved(self._encoding.concat_encodings(of_clips, of_t5, pooled), torch.device("cpu"))

    def transformer(self) -> Any:
        settings = self._settings
        dtype = None if settings.is_fp8 else settings.dtype
        tensors = tensors_of(self._base, "model.diffusion_model.", dtype)
        mmdit = sd3_utils.load_mmdit(tensors, dtype, "cpu")
        if settings.is_fp8 and mmdit.dtype != FP8:
            mmdit.to(FP8)
        return placed(mmdit, settings)

    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        """As sd-scripts' `do_sample`, with a shift of choice."""
        device = self._settings.device
        if self._settings.arguments.get("enable_scaled_pos_embed"):
            side = round(math.sqrt(picture.width * picture.height)) // STEP
            transformer.enable_scaled_pos_embed(True, [side])
        sampling = sd3_utils.ModelSamplingDiscreteFlow(SHIFT if picture.shift is None else picture.shift)
        levels = sd3_train_utils.get_all_sigmas(sampling, picture.steps).to(device)
        hidden, pooled = (torch.cat(parts) for parts in zip(*self._both(text, negative), strict=True))
        latents = noise((1, CHANNELS, picture.height // STEP, picture.width // STEP), picture.seed, device)
        for level, next_level in pairwise(levels):
            transformer.prepare_block_swap_before_forward()
            times = sampling.timestep(level).float().expand(len(hidden))
            with self._settings.autocast():
                found = transformer(latents.expand(len(hidden), -1, -1, -1), times, context=hidden, y=pooled)
            velocity, *against = found.float().chunk(len(hidden))
            if against:
                velocity = against[0] + (velocity - against[0]) * picture.cfg_scale
            latents = latents + velocity * (next_level - level)
        transformer.prepare_block_swap_before_forward()
        return latents

    def _both(self, text: Text, negative: Text | None) -> list[Text]:
        return [moved(one, self._settings.device) for one in (text, negative) if one is not None]

    def vae(self) -> Any:
        settings = self._settings
        inside = None if settings.path("vae") else tensors_of(self._base, "first_stage_model.")
        return sd3_utils.load_vae(settings.path("vae"), settings.dtype, "cpu", state_dict=inside).eval()

    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        device = self._settings.device
        with on_device(vae, device), self._settings.autocast():
            pixels: torch.Tensor = vae.decode(vae.process_out(latents.to(device)).to(vae.dtype))
        return pixels[0].float().cpu()


DRAWING = Sd3Drawing
