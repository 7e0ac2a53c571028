"""Which layers of a base model a LoRA changes, and how wide they are: from the names and shapes of its tensors alone.

As sd-scripts' network modules choose them (networks.lora, lora_flux, lora_sd3, lora_lumina, lora_hunyuan_image,
lora_anima of 48d368fa), for checkpoint files and for the parts of a diffusers folder. A family has one of the two
functions below for its own, with its own pattern.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Shape = Sequence[int]


@dataclass(frozen=True)
class Layers:
    """`width` is the sum of all layers' inputs and outputs: times the rank, it is the size of their factors."""

    count: int = 0
    width: int = 0

    def __add__(self, other: Layers) -> Layers:
        return Layers(self.count + other.count, self.width + other.width)


@dataclass(frozen=True)
class Targets:
    """Of the UNet or transformer, of the text encoders, and what conv_dim adds: 3 × 3 kernels and what is beside them.

    `norms` are the normalisations in a UNet's transformers, `kernel_norms` those before its kernels; their width is
    that of weight and bias. `unet_parameters` counts the weights of the UNet or transformer itself.
    """

    unet: Layers = Layers()
    text: Layers = Layers()
    kernels: Layers = Layers()
    beside_kernels: Layers = Layers()
    norms: Layers = Layers()
    kernel_norms: Layers = Layers()
    unet_parameters: int = 0


LDM = r"model\.diffusion_model\."  # names in a checkpoint file; else those in a diffusers folder
PARTS = rf"(?:{LDM}(?:input_blocks|middle_block|output_blocks)|down_blocks|mid_block|up_blocks)"
UNET = re.compile(
    PARTS + r"\..+\.(?:proj_in|proj_out|"
    r"transformer_blocks\.\d+\.(?:attn\d\.(?:to_[qkv]|to_out\.0)|ff\.net\.(?:0\.proj|2)))\.weight"
)
KERNEL = re.compile(
    rf"{LDM}(?:(?:input_blocks|middle_block|output_blocks)\..+\.(?:in_layers\.2|out_layers\.3|op)|"
    r"output_blocks\.\d+\.\d\.conv)\.weight"
    r"|(?:down_blocks|mid_block|up_blocks)\..+\.(?:conv[12]|downsamplers\.0\.conv|upsamplers\.0\.conv)\.weight"
)
BESIDE_KERNEL = re.compile(
    rf"{LDM}.+\.(?:emb_layers\.1|skip_connection)\.weight"
    r"|(?:down_blocks|mid_block|up_blocks)\..+\.(?:time_emb_proj|conv_shortcut)\.weight"
)
NORM = re.compile(PARTS + r"\..+\.(?:norm|transformer_blocks\.\d+\.norm\d)\.weight")
KERNEL_NORM = re.compile(PARTS + r"\.(?:.+\.)?(?:resnets\.\d+\.norm\d|(?:in|out)_layers\.0)\.weight")
# Text encoders: Hugging Face's CLIP, and OpenCLIP, whose q, k and v lie in one tensor.
CLIP = re.compile(
    r"(?:text_model\.)?encoder\.layers\.\d+\."
    r"(?:self_attn\.(?:q_proj|k_proj|v_proj|out_proj)|mlp\.fc[12])\.weight"
)
OPEN_CLIP = re.compile(
    r"transformer\.resblocks\.\d+\.(?:attn\.(in_proj_weight|out_proj\.weight)|mlp\.c_(?:fc|proj)\.weight)"
)
SD2_TEXT = (
    "cond_stage_model.model.transformer.resblocks.23."  # the last of 24, which Stable Diffusion 2 doesn't use
)
UNET_WEIGHTS = (
    "model.diffusion_model.", "down_blocks.", "mid_block.", "up_blocks.", "time_embedding.", "add_embedding.",
    "conv_in.", "conv_norm_out.", "conv_out.",
)  # fmt: skip
# Text encoders that lie in files of their own.
CLIP_L = Layers(72, 165_888)  # 12 layers of 768 and 3072
CLIP_G = Layers(192, 737_280)  # 32 layers of 1280 and 5120

# What a tensor is to a LoRA: "" for what none changes.
Role = Literal["", "unet", "text", "kernel", "beside kernel", "norm", "kernel norm"]
ROLES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (UNET, "unet"), (KERNEL, "kernel"), (BESIDE_KERNEL, "beside kernel"), (NORM, "norm"), (KERNEL_NORM, "kernel norm"),
)  # fmt: skip


class TargetsOf(Protocol):
    """What a LoRA changes, from the shapes of all tensors by their names; `role` is that of one tensor."""

    def __call__(self, shapes: Mapping[str, Shape]) -> Targets: ...

    def role(self, name: str, shape: Shape) -> Role: ...


@dataclass(frozen=True)
class OfBlocks:
    """Of a transformer: every linear layer whose name has the pattern in it; `text` are those of its text encoders."""

    pattern: str
    text: Layers = Layers()

    def __call__(self, shapes: Mapping[str, Shape]) -> Targets:
        layers = [_layer(shape) for name, shape in shapes.items() if self.role(name, shape)]
        weights = sum(math.prod(shape) for shape in shapes.values())
        return Targets(sum(layers, Layers()), self.text, unet_parameters=weights)

    def role(self, name: str, shape: Shape) -> Role:
        return "unet" if len(shape) >= 2 and re.search(self.pattern, name) else ""


@dataclass(frozen=True)
class OfUNet:
    """Of a UNet and its CLIP text encoders, in a checkpoint's names or a diffusers folder's."""

    def __call__(self, shapes: Mapping[str, Shape]) -> Targets:
        unet = text = kernels = beside = norms = kernel_norms = Layers()
        for name, shape in shapes.items():
            match self.role(name, shape):
                case "unet":
                    unet += _layer(shape)
                case "kernel":
                    kernels += Layers(1, shape[0] + math.prod(shape[1:]))
                case "beside kernel":
                    beside += _layer(shape)
                case "norm":
                    norms += _norm(shape)
                case "kernel norm":
                    kernel_norms += _norm(shape)
                case "text":
                    text += _text_layer(name, shape)
        weights = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(UNET_WEIGHTS))
        return Targets(unet, text, kernels, beside, norms, kernel_norms, weights)

    def role(self, name: str, shape: Shape) -> Role:
        for pattern, role in ROLES:
            if pattern.fullmatch(name):
                return role
        return "text" if _text_layer(name, shape).count else ""


of_blocks = OfBlocks
of_unet = OfUNet()


def _layer(shape: Shape) -> Layers:
    return Layers(1, shape[0] + shape[1]) if len(shape) >= 2 else Layers()


def _norm(shape: Shape) -> Layers:
    return Layers(1, 2 * math.prod(shape))


def _text_layer(name: str, shape: Shape) -> Layers:
    if CLIP.search(name):
        return _layer(shape)
    is_open = OPEN_CLIP.search(name)
    if not is_open or name.startswith(SD2_TEXT):
        return Layers()
    if is_open[1] == "in_proj_weight":
        return Layers(3, 3 * 2 * shape[1])
    return _layer(shape)
