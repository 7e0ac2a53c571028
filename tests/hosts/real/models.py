"""Base models and LoRAs that real webuis take: the shipped model as AUTOMATIC1111 reads it, one of Stable Diffusion
1.5's true size with random weights for those that know a model by its sizes, and LoRAs that fit, fit partly, or don't.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.base_model.convert import convert
from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.stable_diffusion import names, sizes
from train_tools.families.stable_diffusion.checkpoint import modules_of, origins_of
from train_tools.lora import kohya
from train_tools.lora.safetensors_header import read_header
from train_tools.lora.targets import Target, text_targets, unet_targets
from train_tools.small_models import base_model_file

RANK = 2
UNET = {
    "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2, "attention_head_dim": 8,
    "cross_attention_dim": 768, "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}  # fmt: skip
VAE = {
    "sample_size": 512, "in_channels": 3, "out_channels": 3, "layers_per_block": 2, "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
TEXT = {
    "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "max_position_embeddings": 77, "hidden_act": "quick_gelu", "projection_dim": 768,
}  # fmt: skip


def narrow(folder: Path) -> Path:
    """The model that ships, as `model convert` writes it for AUTOMATIC1111."""
    file = folder / "scenes-narrow.safetensors"
    convert(base_model_file(), file)
    return file


def random_sd15(file: Path, seed: int = 0) -> Path:
    """2 GB in fp16. Its pictures are noise, but prompts and LoRAs change them."""
    with torch.device("meta"):
        modules = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE), CLIPTextModel(CLIPTextConfig(**TEXT))
    random = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for module, origins in zip(modules, origins_of(StableDiffusion1, modules), strict=True):
        for ours, (place, *_) in origins.items():
            tensor = _random(place.name, module.state_dict()[ours].shape, random)
            is_matrix = names.is_vae_attention_matrix(place.name)
            state[place.name] = tensor[..., None, None] if is_matrix else tensor
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, file, metadata={"format": "pt"})
    return file


def _random(name: str, shape: torch.Size, random: torch.Generator) -> Tensor:
    """Norms are away from 1 and 0: else the text's mean is 0, by which A1111's emphasis divides."""
    values = torch.randn(shape, generator=random)
    if name.endswith("bias"):
        values = 0.05 + 0.05 * values
    elif len(shape) == 1:
        values = 1 + 0.2 * values
    elif "embedding" not in name:
        values /= shape[1:].numel() ** 0.5
    return values.half()


def other(checkpoint: Path, file: Path) -> Path:
    """A model of the same sizes that makes other pictures."""
    state = load_file(checkpoint)
    for name in ("weight", "bias"):
        state[f"{names.UNET_PREFIX}out.2.{name}"] *= 0.5
    save_file(state, file, metadata={"format": "pt"})
    settings = checkpoint.with_suffix(".yaml")
    if settings.exists():
        file.with_suffix(".yaml").write_bytes(settings.read_bytes())
    return file


def targets_of(checkpoint: Path) -> list[Target]:
    """The layers that a LoRA changes, read off the file's head."""
    shapes = {name: place.shape for name, place in read_header(checkpoint).tensors.items()}
    unet, _, text = modules_of(StableDiffusion1, shapes, *sizes.heads_beside(checkpoint))
    return [*unet_targets(unet), *text_targets(text)]


def lora(file: Path, targets: list[Target], strength: float = 0.5, seed: int = 1) -> Path:
    """A LoRA of every layer of `targets`, strong enough to be seen."""
    random = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for target in targets:
        down = torch.randn(RANK, target.in_features, generator=random) / target.in_features**0.5
        up = torch.randn(target.out_features, RANK, generator=random) * strength
        is_point = isinstance(target.layer, nn.Conv2d)
        tensors[f"{target.name}.lora_down.weight"] = (down[..., None, None] if is_point else down).half()
        tensors[f"{target.name}.lora_up.weight"] = (up[..., None, None] if is_point else up).half()
        tensors[f"{target.name}.alpha"] = torch.tensor(float(RANK)).half()
    file.parent.mkdir(parents=True, exist_ok=True)
    kohya.write(file, tensors, {"ss_network_module": "networks.lora", "ss_network_dim": str(RANK)})
    return file


def wider(targets: list[Target], by: int = 64) -> list[Target]:
    """The same names, another width: as a LoRA of a model of the same kind but another size has."""
    return [Target(t.name, nn.Linear(t.in_features + by, t.out_features, device="meta")) for t in targets]


def of_sdxl() -> list[Target]:
    """Names and widths of Stable Diffusion XL's LoRAs, some of which sound like Stable Diffusion 1's."""
    found = []
    for block, width, depth in (
        ("input_blocks_4_1", 640, 2),
        ("input_blocks_7_1", 1280, 10),
        ("middle_block_1", 1280, 10),
    ):
        for number in range(depth):
            for attention, context in (("attn1", width), ("attn2", 2048)):
                name = f"lora_unet_{block}_transformer_blocks_{number}_{attention}"
                found += [
                    Target(f"{name}_to_{x}", _linear(context if x in "kv" else width, width)) for x in "qkv"
                ]
    for encoder, width, layers in (("te1", 768, 12), ("te2", 1280, 32)):
        for layer in range(layers):
            name = f"lora_{encoder}_text_model_encoder_layers_{layer}_self_attn"
            found += [Target(f"{name}_{x}_proj", _linear(width, width)) for x in "qkv"]
    return found


def partly(targets: list[Target], unknown: int) -> list[Target]:
    """`unknown` of the layers under names that no model has."""
    lost = [Target(re.sub("blocks_", "blocks_9", t.name), t.layer) for t in targets if "blocks_" in t.name][
        :unknown
    ]
    kept = [t for t in targets if "blocks_" in t.name][unknown:] + [
        t for t in targets if "blocks_" not in t.name
    ]
    return [*kept, *lost]


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False, device="meta")
