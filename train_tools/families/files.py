"""The further files that a family needs: what they are called, and where programs keep them."""

from __future__ import annotations

from collections.abc import Mapping

VAES = "models/VAE of a webui, models/vae of ComfyUI"
ENCODERS = "models/text_encoder of Forge, models/text_encoders or models/clip of ComfyUI"
# Argument -> the file's usual name, and the folders.
KEPT: Mapping[str, tuple[str, str]] = {
    "ae": ("ae.safetensors", VAES),
    "vae": ("a VAE of the base model's family", VAES),
    "clip_l": ("clip_l.safetensors", ENCODERS),
    "clip_g": ("clip_g.safetensors", ENCODERS),
    "t5xxl": ("t5xxl_fp16.safetensors", ENCODERS),
    "gemma2": ("gemma_2_2b_fp16.safetensors", ENCODERS),
    "text_encoder": ("qwen_2.5_vl_7b.safetensors", ENCODERS),
    "byt5": ("byt5_small_glyphxl_fp16.safetensors", ENCODERS),
    "qwen3": ("qwen_3_06b_base.safetensors", ENCODERS),
}


def how_to_give(argument: str) -> str:
    """What to set it to, in words."""
    name, places = KEPT[argument]
    return f"set {argument} to that file, usually {name}; it lies in {places}"
