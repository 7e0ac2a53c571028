"""Anima's pictures, drawn with sd-scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from library import anima_train_utils, anima_utils, qwen_image_autoencoder_kl, strategy_anima

from train_tools.families.drawing import Drawing, Picture, Settings, Text, moved, on_device, placed

SHIFT = 3.0  # sd-scripts' samples', as in ComfyUI
LONGEST = 512  # texts, in tokens


class AnimaDrawing(Drawing):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        arguments = settings.arguments
        self._base = str(arguments["pretrained_model_name_or_path"])
        self._tokenizers = strategy_anima.AnimaTokenizeStrategy(
            qwen3_path=str(arguments["qwen3"]),
            t5_tokenizer_path=settings.path("t5_tokenizer_path"),
            qwen3_max_length=int(arguments.get("qwen3_max_token_length") or LONGEST),
            t5_max_length=int(arguments.get("t5_max_token_length") or LONGEST),
        )
        self._encoding = strategy_anima.AnimaTextEncodingStrategy()

    def text_encoders(self) -> list[Any]:
        settings = self._settings
        qwen3, _ = anima_utils.load_qwen3_text_encoder(
            settings.path("qwen3"), dtype=settings.dtype, device="cpu"
        )
        return [qwen3.eval().to(settings.device)]

    def encode(self, encoders: Sequence[Any], text: str) -> Text:
        tokens = self._tokenizers.tokenize(text)
        with self._settings.autocast():
            parts = self._encoding.encode_tokens(self._tokenizers, list(encoders), tokens)
        return moved(tuple(parts), torch.device("cpu"))

    def transformer(self) -> Any:
        settings = self._settings
        return placed(
            anima_utils.load_anima_model(
                settings.device,
                self._base,
                settings.attention,
                bool(settings.arguments.get("split_attn")),
                torch.device("cpu") if settings.swapped else settings.device,
                settings.dtype,
            ),
            settings,
        )

    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        with self._settings.autocast():
            transformer.prepare_block_swap_before_forward()
            latents: torch.Tensor = anima_train_utils.do_sample(
                picture.height,
                picture.width,
                picture.seed,
                transformer,
                self._adapted(transformer, text),
                picture.steps,
                torch.float32,
                self._settings.device,
                picture.cfg_scale,
                SHIFT if picture.shift is None else picture.shift,
                None if negative is None else self._adapted(transformer, negative),
            )
        return latents

    def _adapted(self, transformer: Any, text: Text) -> torch.Tensor:
        """Qwen3's texts as T5's, by the part of the transformer that was trained for that."""
        hidden, mask, ids, ids_mask = moved(text, self._settings.device)
        assert ids is not None
        assert ids_mask is not None
        found: torch.Tensor = transformer.llm_adapter(
            source_hidden_states=hidden,
            target_input_ids=ids.long(),
            target_attention_mask=ids_mask,
            source_attention_mask=mask,
        )
        found[~ids_mask.bool()] = 0
        return found

    def vae(self) -> Any:
        settings = self._settings
        arguments = settings.arguments
        vae = qwen_image_autoencoder_kl.load_vae(
            settings.path("vae"), device="cpu", disable_mmap=True, spatial_chunk_size=arguments.get("vae_chunk_size"),
            disable_cache=bool(arguments.get("vae_disable_cache")),
        )  # fmt: skip
        return vae.eval().to(settings.dtype)

    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        with on_device(vae, self._settings.device):
            pixels: torch.Tensor = vae.decode_to_pixels(latents.to(self._settings.device))
        return pixels[0].float().cpu().reshape(3, *pixels.shape[-2:])


DRAWING = AnimaDrawing
