"""How much GPU memory a training takes, roughly: an estimate with its basis, to see what can't fit.

Basis, measured with a UNet of Stable Diffusion 1.5's size in bf16 at 512 x 512 pixels: activations of 0.93 GB a
sample, 0.15 GB with gradient_checkpointing. They are taken to grow with the UNet's weights and the latents' area.
To these come the base model's weights, each LoRA with its gradients and optimizer state, and the GPU's own context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.planning.lora_size import SD15, LoraShape, factors_of

ACTIVATIONS = 0.93e9  # bytes a sample
CHECKPOINTED = 0.15e9
BASIS_LATENTS = 64 * 64
CONTEXT = 0.6e9  # CUDA's context and libraries' workspaces
PRECISION_BYTES = {"no": 4, "fp16": 2, "bf16": 2}
# Bytes for each trained number: the number, its gradient, and the optimizer's state.
STATE_BYTES = {"lion": 12, "lion8bit": 9, "adamw8bit": 10, "pagedadamw8bit": 8, "adafactor": 8, "prodigy": 24}
DEFAULT_STATE_BYTES = 16  # AdamW: two moments in fp32


def memory_bytes(shape: LoraShape, arguments: Mapping[str, Any], runs: int) -> int:
    """GPU memory of `runs` runs that are trained at once, in bytes."""
    number = PRECISION_BYTES[str(arguments.get("mixed_precision") or "no")]
    width, height = (int(side) for side in str(arguments["resolution"]).split(","))
    sample = CHECKPOINTED if arguments.get("gradient_checkpointing") else ACTIVATIONS
    scale = (
        shape.targets.unet_parameters
        / SD15.targets.unet_parameters
        * (width * height / 64)
        / BASIS_LATENTS
        * number
        / 2
    )
    activations = runs * int(arguments["train_batch_size"]) * sample * scale
    state = STATE_BYTES.get(str(arguments["optimizer_type"]).lower(), DEFAULT_STATE_BYTES)
    trained = factors_of(shape, arguments).numbers
    return round(CONTEXT + shape.parameters * number + runs * trained * state + activations)
