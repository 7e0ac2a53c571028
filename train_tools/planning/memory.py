"""How much GPU memory a training takes: an estimate, until this machine has measured one like it (memory_measured).

Basis: the weights in their precision, each LoRA with its gradients and its optimizer's state, the GPU's own context,
and what a step keeps of its computation, counted for each family (families.interface.Activations). Of a model whose
family nobody has counted, that is taken to grow with its weights from Stable Diffusion 1.5's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from train_tools.arguments.sizes import largest_of
from train_tools.planning.lora_size import SD15, LoraShape, factors_of

CONTEXT = 0.6e9  # CUDA's context and libraries' workspaces
VAE_NUMBERS = 83_653_863  # of Stable Diffusion's, which leaves the GPU when the images are encoded
FULL = 1.55  # times what is kept in half precision, where norms are fp32 anyway
PRECISION_BYTES = {"no": 4, "fp16": 2, "bf16": 2}
# Bytes for each trained number: the number, its gradient, and the optimizer's state.
STATE_BYTES = {"lion": 12, "lion8bit": 9, "adamw8bit": 10, "pagedadamw8bit": 8, "adafactor": 8, "prodigy": 24}
DEFAULT_STATE_BYTES = 16  # AdamW: two moments in fp32
# What makes new texts at each step, so that the text encoders stay.
NEW_TEXTS = ("shuffle_caption", "caption_tag_dropout_rate", "token_warmup_step", "enable_wildcard")


def memory_bytes(shape: LoraShape, arguments: Mapping[str, Any], runs: int) -> int:
    """GPU memory of `runs` runs that are trained at once, in bytes."""
    each = trained_bytes(shape, arguments) + activation_bytes(shape, arguments)
    return round(CONTEXT + base_bytes(shape, arguments) + runs * each)


def base_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> float:
    number = PRECISION_BYTES[str(arguments.get("mixed_precision") or "no")]
    is_eighth = arguments.get("fp8_base") or arguments.get("fp8_base_unet")
    unet = shape.targets.unet_parameters
    texts = max(0, shape.parameters - unet - VAE_NUMBERS)
    if arguments.get("network_train_unet_only") and not any(arguments.get(name) for name in NEW_TEXTS):
        texts = 0
    return unet * (1 if is_eighth else number) + texts * (1 if arguments.get("fp8_base") else number)


def trained_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> float:
    """Of one run: what it learns, with its gradients and what its optimizer keeps."""
    state = STATE_BYTES.get(str(arguments["optimizer_type"]).lower(), DEFAULT_STATE_BYTES)
    is_half = arguments.get("full_bf16") or arguments.get("full_fp16")
    return factors_of(shape, arguments).numbers * state / (2 if is_half else 1)


def activation_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> float:
    """Of one run: what its samples keep until the gradients are there, at its largest size."""
    width, height = largest_of(arguments["resolution"])
    points = width * height / 64 * int(arguments["train_batch_size"])
    weights = shape.targets.unet_parameters
    if shape.activations is not None:
        counted = shape.activations
        scale = math.sqrt(weights / counted.weights)  # both grow with the widths
    else:
        assert SD15.activations is not None
        counted = SD15.activations
        scale = weights / counted.weights
    kept = counted.checkpointed if arguments.get("gradient_checkpointing") else counted.plain
    is_full = str(arguments.get("mixed_precision") or "no") == "no"
    return points * kept * scale * (FULL if is_full else 1)
