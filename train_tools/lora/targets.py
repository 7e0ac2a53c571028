"""The layers of a base model that LoRA files change, under the names of sd-scripts' network modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from .kinds.normalisation import LAYERS as NORMS
from .names import OWN_NAMES, TEXT, UNET, Names
from .presets import Preset

UNET_BLOCKS = ("Transformer2DModel",)
KERNEL_BLOCKS = ("ResnetBlock2D", "Downsample2D", "Upsample2D")  # besides, with conv_dim (C3Lier)
TEXT_BLOCKS = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")
COMPUTED = (nn.Linear, nn.Conv2d)
LAYERS = (*COMPUTED, *NORMS)


class Model(Protocol):
    """As families.loading has it."""

    @property
    def unet(self) -> nn.Module: ...

    @property
    def text_encoders(self) -> Sequence[nn.Module]: ...


@dataclass(frozen=True)
class Target:
    """A frozen layer: Linear or Conv2d, or with `train_norm`, or where a file is merged into it, a normalisation."""

    name: str  # e.g. lora_unet_down_blocks_0_attentions_0_proj_in
    layer: nn.Linear | nn.Conv2d

    @property
    def is_text(self) -> bool:
        return self.name.startswith("lora_te")

    @property
    def part(self) -> str:
        """The UNet or a text encoder: `lora_unet`, `lora_te`, `lora_te1` …"""
        return "_".join(self.name.split("_")[:2])

    @property
    def in_features(self) -> int:
        """Of a kernel: all that it looks at for one output."""
        return self.layer.weight[0].numel()

    @property
    def out_features(self) -> int:
        return self.layer.weight.shape[0]


def targets_of(base: Model, names: Names, kernels: bool = False) -> list[Target]:
    """What networks.lora trains of a base model."""
    text = [
        target
        for encoder, prefix in zip(base.text_encoders, names.text, strict=True)
        for target in text_targets(encoder, prefix)
    ]
    return unet_targets(base.unet, names, kernels) + text


def unet_targets(unet: nn.Module, names: Names = OWN_NAMES, kernels: bool = False) -> list[Target]:
    """192 layers of a Stable Diffusion 1 UNet in diffusers' form, 722 of XL's.

    With `kernels` (conv_dim) those of the residual blocks and of what makes pictures larger and smaller, too.
    """
    paths = _paths(unet, names)
    return [
        Target(layer_name(UNET, paths[path]), layer)
        for path, layer in _inside(unet, UNET_BLOCKS + (KERNEL_BLOCKS if kernels else ()))
        if kernels or _is_matrix(layer)
    ]


def text_targets(
    text_encoder: nn.Module, prefix: str = "lora_te", blocks: Sequence[str] = TEXT_BLOCKS
) -> list[Target]:
    """72 layers of Stable Diffusion 1's CLIP text encoder."""
    before = _before(text_encoder)
    return [Target(layer_name(prefix, before + path), layer) for path, layer in _inside(text_encoder, blocks)]


def preset_targets(
    base: Model, names: Names, preset: Preset, kernels: bool, norms: bool = False
) -> list[Target]:
    """What LyCORIS trains of a base model; without `kernels` convolutions larger than a point are left out.

    With `norms` (train_norm) the normalisations within its blocks, too.
    """
    kinds = LAYERS if norms else COMPUTED
    paths = _paths(base.unet, names)
    found = [
        Target(layer_name(UNET, paths[path]), layer)
        for path, layer in base.unet.named_modules()
        if isinstance(layer, COMPUTED) and paths[path] in preset.layers
    ]
    found += [
        Target(layer_name(UNET, paths[path]), layer)
        for path, layer in _inside(base.unet, preset.blocks, kinds)
    ]
    for encoder, prefix in zip(base.text_encoders, names.text, strict=True):
        found += text_targets(encoder, prefix, preset.texts)
    return [
        target for target in found if kernels or isinstance(target.layer, NORMS) or _is_matrix(target.layer)
    ]


def in_order(base: Model, names: Names) -> list[str]:
    """The names of all layers, text encoders last, each part in the order of its modules."""
    paths = _paths(base.unet, names)
    found = [target.name for _, target in _all(base.unet, UNET, "", paths)]
    for encoder, prefix in zip(base.text_encoders, names.text, strict=True):
        found += [target.name for _, target in _all(encoder, prefix, _before(encoder))]
    return found


def layers_of(base: Model, names: Names) -> Mapping[str, Target]:
    """All layers that a file can change, by each of their names: the family's, and the UNet's in diffusers."""
    found: dict[str, Target] = {}
    for encoder, prefix in zip(base.text_encoders, names.text, strict=True):
        before = _before(encoder)
        for path, target in _all(encoder, prefix, before):
            # networks.dylora calls the layers of all encoders so, and the last one's are what it saves.
            found[layer_name(TEXT, before + path)] = found[target.name] = target
    paths = _paths(base.unet, names)
    for path, target in _all(base.unet, UNET, "", paths):
        found[layer_name(UNET, path)] = found[target.name] = target
    return found


def _paths(unet: nn.Module, names: Names) -> Mapping[str, str]:
    return names.unet([path for path, layer in unet.named_modules() if isinstance(layer, LAYERS)])


def _all(
    root: nn.Module, prefix: str, before: str, paths: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Target]]:
    for path, layer in root.named_modules():
        if isinstance(layer, LAYERS):
            named = paths[path] if paths else before + path
            yield path, Target(layer_name(prefix, named), layer)  # type: ignore[arg-type]


def _inside(
    root: nn.Module, blocks: Sequence[str], kinds: tuple[type[nn.Module], ...] = COMPUTED
) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    for path, block in root.named_modules():
        if type(block).__name__ not in blocks:
            continue
        for inner, layer in block.named_modules():
            if isinstance(layer, kinds):
                yield f"{path}.{inner}", layer  # type: ignore[misc]


def _is_matrix(layer: nn.Linear | nn.Conv2d) -> bool:
    return isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)


def _before(text_encoder: nn.Module) -> str:
    """transformers 5 leaves `text_model.` out of its module paths, the names in LoRA files keep it."""
    keeps = any(path.startswith("text_model.") for path, _ in text_encoder.named_modules())
    return "" if keeps else "text_model."


def layer_name(prefix: str, path: str) -> str:
    return f"{prefix}_{path}".replace(".", "_")
