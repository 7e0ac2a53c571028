"""Which layers a LoRA of Stable Diffusion 1 changes, under the names of sd-scripts' networks.lora."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

UNET_BLOCKS = ("Transformer2DModel",)
TEXT_BLOCKS = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")


@dataclass(frozen=True)
class Target:
    """A frozen layer that gets a low-rank delta: Linear, or Conv2d with a 1x1 kernel."""

    name: str  # e.g. lora_unet_down_blocks_0_attentions_0_proj_in
    layer: nn.Linear | nn.Conv2d

    @property
    def is_text(self) -> bool:
        return self.name.startswith("lora_te_")

    @property
    def in_features(self) -> int:
        return self.layer.weight.shape[1]

    @property
    def out_features(self) -> int:
        return self.layer.weight.shape[0]


def unet_targets(unet: nn.Module) -> list[Target]:
    """192 layers of a Stable Diffusion 1 UNet in diffusers' form."""
    return _targets(unet, UNET_BLOCKS, "lora_unet_", "")


def text_targets(text_encoder: nn.Module) -> list[Target]:
    """72 layers of its CLIP text encoder."""
    # transformers 5 leaves `text_model.` out of its module paths, the names in LoRA files keep it.
    keeps_prefix = any(path.startswith("text_model.") for path, _ in text_encoder.named_modules())
    return _targets(text_encoder, TEXT_BLOCKS, "lora_te_", "" if keeps_prefix else "text_model.")


def _targets(root: nn.Module, blocks: tuple[str, ...], prefix: str, path_prefix: str) -> list[Target]:
    found: list[Target] = []
    for path, block in root.named_modules():
        if type(block).__name__ not in blocks:
            continue
        for inner, layer in block.named_modules():
            is_point = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
            if isinstance(layer, nn.Linear) or is_point:
                name = prefix + f"{path_prefix}{path}.{inner}".replace(".", "_")
                found.append(Target(name, layer))  # type: ignore[arg-type]
    return found
