"""Base models that LoRAs are mostly made for, and where they are: offered to who has none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    """`source` is for `environment.model_offers`; `bytes` are rough, the hub is asked before a download."""

    title: str
    source: str
    bytes: int
    help: str
    zh: str


KNOWN = (
    KnownModel(
        "Stable Diffusion 1.5", "stable-diffusion-v1-5/stable-diffusion-v1-5:v1-5-pruned-emaonly.safetensors",
        4_270_000_000, "photos and all-round; trains with 6 GB of GPU memory", "写实与通用；6 GB 显存即可训练",
    ),
    KnownModel(
        "SDXL 1.0", "stabilityai/stable-diffusion-xl-base-1.0:sd_xl_base_1.0.safetensors",
        6_940_000_000, "photos and all-round, larger pictures", "写实与通用，图片更大",
    ),
    KnownModel(
        "Illustrious XL 0.1", "OnomaAIResearch/Illustrious-xl-early-release-v0:Illustrious-XL-v0.1.safetensors",
        6_940_000_000, "anime; what most LoRAs for anime are made for", "动漫；多数动漫 LoRA 以它为底模",
    ),
    KnownModel(
        "NoobAI-XL 1.1", "Laxhar/noobai-XL-1.1:NoobAI-XL-v1.1.safetensors",
        7_110_000_000, "anime, knows more characters and artists", "动漫，认识更多角色与画师",
    ),
    KnownModel(
        "Animagine XL 4.0", "cagliostrolab/animagine-xl-4.0:animagine-xl-4.0.safetensors",
        6_940_000_000, "anime", "动漫",
    ),
)  # fmt: skip
