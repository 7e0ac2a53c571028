"""What kind of model a base model is: read off the names and shapes in its file's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

UNKNOWN = "unknown"
# A part of a tensor's name that only this family has; the first that is found decides.
MARKS: tuple[tuple[str, str], ...] = (
    ("conditioner.embedders.1.", "SDXL"),
    ("add_embedding.linear_1.", "SDXL"),  # a diffusers folder
    ("conditioner.embedders.0.model.", "SDXL refiner"),
    ("joint_blocks.0.context_block.", "SD3"),
    ("cap_embedder.0.", "Lumina"),
    ("double_blocks.0.img_attn.", "FLUX.1"),
)
CROSS_ATTENTION = ("transformer_blocks.0.attn2.to_k.weight",)
# Width of the text that the UNet looks at: OpenCLIP ViT-H in Stable Diffusion 2, CLIP ViT-L in 1. Narrow models of
# the same build, as the one that ships, count as 1.
SD2_WIDTH = 1024


@dataclass(frozen=True)
class BaseFamily:
    """`name` is UNKNOWN where the file says nothing; `predicts_velocity` where it says so itself."""

    name: str
    predicts_velocity: bool


def base_family(base_model: Path) -> BaseFamily:
    """Of a checkpoint file or a diffusers folder."""
    file = base_model / "unet" / "diffusion_pytorch_model.safetensors" if base_model.is_dir() else base_model
    try:
        header = read_header(file)
    except TrainToolsError:
        return BaseFamily(UNKNOWN, predicts_velocity=False)
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    # `modelspec.prediction_type` is Stability AI's metadata; NoobAI marks its checkpoints by a tensor.
    says_velocity = header.metadata.get("modelspec.prediction_type") == "v" or "v_pred" in shapes
    return BaseFamily(_name(shapes), says_velocity)


def _name(shapes: Mapping[str, tuple[int, ...]]) -> str:
    for mark, family in MARKS:
        if any(mark in name for name in shapes):
            return family
    for name, shape in shapes.items():
        if name.endswith(CROSS_ATTENTION) and len(shape) == 2:
            return "SD2" if shape[1] == SD2_WIDTH else "SD1"
    return UNKNOWN
