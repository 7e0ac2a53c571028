"""What kind of model a base model is: read off the names and shapes in its file's head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

UNKNOWN = ""
# A part of a tensor's name that only this family (of arguments.families) has; the first that is found decides.
MARKS: tuple[tuple[str, str], ...] = (
    ("conditioner.embedders.1.", "sdxl"),
    ("conditioner.embedders.0.model.", "sdxl"),  # the refiner
    ("add_embedding.linear_1.", "sdxl"),  # a diffusers folder
    ("joint_blocks.0.context_block.", "sd3"),
    ("llm_adapter.blocks.0.", "anima"),
    ("cap_embedder.0.", "lumina"),
    ("byt5_in.fc1.", "hunyuan_image"),
    ("distilled_guidance_layer.", "chroma"),
    ("double_blocks.0.img_attn.", "flux"),
)
CROSS_ATTENTION = ("transformer_blocks.0.attn2.to_k.weight",)
# Width of the text that the UNet looks at: OpenCLIP ViT-H in Stable Diffusion 2, CLIP ViT-L in 1. Narrow models of
# the same build, as the one that ships, count as 1.
SD2_WIDTH = 1024


@dataclass(frozen=True)
class BaseFamily:
    """`name` is UNKNOWN where the file says nothing; `is_v2` is Stable Diffusion 2, which is of the family sd.

    `predicts_velocity` only where the file says so itself.
    """

    name: str
    is_v2: bool = False
    predicts_velocity: bool = False


def base_family(base_model: Path) -> BaseFamily:
    """Of a checkpoint file or a diffusers folder."""
    file = base_model / "unet" / "diffusion_pytorch_model.safetensors" if base_model.is_dir() else base_model
    try:
        header = read_header(file)
    except TrainToolsError:
        return BaseFamily(UNKNOWN)
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    # `modelspec.prediction_type` is Stability AI's metadata; NoobAI marks its checkpoints by a tensor.
    says_velocity = header.metadata.get("modelspec.prediction_type") == "v" or "v_pred" in shapes
    for mark, family in MARKS:
        if any(mark in name for name in shapes):
            return BaseFamily(family, predicts_velocity=says_velocity)
    for name, shape in shapes.items():
        if name.endswith(CROSS_ATTENTION) and len(shape) == 2:
            return BaseFamily("sd", shape[1] == SD2_WIDTH, says_velocity)
    return BaseFamily(UNKNOWN)
