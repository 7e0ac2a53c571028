"""HunyuanImage-2.1's pictures, drawn with sd-scripts."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from library import (
    hunyuan_image_models,
    hunyuan_image_text_encoder,
    hunyuan_image_vae,
    strategy_hunyuan_image,
)

from train_tools.families.drawing import FP8, Drawing, Picture, Settings, Text, moved, on_device, placed

SHIFT = 5.0  # sd-scripts', and its authors' own
# From which step on guidance is projected, with letters to write and without, as its authors draw.
APG_WITH_LETTERS, APG = 38, 5


class HunyuanImageDrawing(Drawing):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = str(settings.arguments["pretrained_model_name_or_path"])
        self._tokenizers = strategy_hunyuan_image.HunyuanImageTokenizeStrategy(
            settings.path("tokenizer_cache_dir")
        )
        self._encoding = strategy_hunyuan_image.HunyuanImageTextEncodingStrategy()

    def text_encoders(self) -> list[Any]:
        """In the precisions that the trainer has them in, whatever else it trains with."""
        settings = self._settings
        device = torch.device("cpu") if settings.arguments.get("text_encoder_cpu") else settings.device
        dtype = FP8 if settings.arguments.get("fp8_vl") else torch.bfloat16
        _, qwen = hunyuan_image_text_encoder.load_qwen2_5_vl(settings.path("text_encoder"), dtype, "cpu")
        _, byt5 = hunyuan_image_text_encoder.load_byt5(settings.path("byt5"), torch.float16, "cpu")
        return [qwen.eval().to(device), byt5.eval().to(device)]

    def encode(self, encoders: Sequence[Any], text: str) -> Text:
        tokens = self._tokenizers.tokenize(text)
        parts = self._encoding.encode_tokens(self._tokenizers, list(encoders), tokens)
        return moved(tuple(parts), torch.device("cpu"))

    def transformer(self) -> Any:
        settings = self._settings
        is_fp8 = bool(settings.arguments.get("fp8_scaled"))
        return placed(
            hunyuan_image_models.load_hunyuan_image_model(
                settings.device,
                self._base,
                settings.attention,
                bool(settings.arguments.get("split_attn")),
                torch.device("cpu") if settings.swapped else settings.device,
                None if is_fp8 else settings.dtype,
                is_fp8,
            ),
            settings,
        )

    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        from hunyuan_image_minimal_inference import generate_body  # a script, which loads much else

        asked = SimpleNamespace(
            image_size=(picture.height, picture.width),
            infer_steps=picture.steps,
            flow_shift=SHIFT if picture.shift is None else picture.shift,
            guidance_scale=picture.cfg_scale,
            fp8=True,  # what turns autocast on, which the LoRA's float32 wants, too
            apg_start_step_ocr=APG_WITH_LETTERS,
            apg_start_step_general=APG,
            guidance_rescale=0.0,
            guidance_rescale_apg=0.0,
        )
        latents: torch.Tensor = generate_body(
            asked, transformer, _named(text), None if negative is None else _named(negative), self._settings.device,
            picture.seed,
        )  # fmt: skip
        return latents

    def vae(self) -> Any:
        """Half precision always, as in training; CPUs are slow at that."""
        settings = self._settings
        vae = hunyuan_image_vae.load_vae(
            settings.path("vae"), torch.device("cpu"), chunk_size=settings.arguments.get("vae_chunk_size")
        )
        return vae.eval().to(dtype=torch.float32 if settings.device.type == "cpu" else torch.float16)

    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        with on_device(vae, self._settings.device):
            scaled = latents.to(self._settings.device) / vae.scaling_factor
            pixels: torch.Tensor = vae.decode(scaled.to(vae.dtype))
        return pixels[0].float().cpu()


def _named(text: Text) -> dict[str, Any]:
    embed, mask, embed_byt5, mask_byt5, letters = text
    return {
        "prompt": "",
        "embed": embed,
        "mask": mask,
        "embed_byt5": embed_byt5,
        "mask_byt5": mask_byt5,
        "ocr_mask": letters,
    }


DRAWING = HunyuanImageDrawing
