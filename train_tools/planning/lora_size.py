"""How large a LoRA of a base model becomes: read off the shapes in the base model's head."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.network_args import LYCORIS
from train_tools.errors import TrainToolsError
from train_tools.families.detect import shapes_of
from train_tools.families.interface import Activations, Found
from train_tools.families.layers import Layers, Targets, of_unet
from train_tools.families.registry import USUAL

BYTES = {"fp16": 2, "bf16": 2, "float": 4, None: 4}
HEAD_BYTES_PER_LAYER = 400  # three entries with long names
METADATA_BYTES = 6_000
WITH_KERNELS = ("", "full", "unet-only", "unet-convblock-only")  # LyCORIS' presets
WITHOUT_TRANSFORMERS = ("attn-only", "unet-convblock-only")  # as whole blocks, with their normalisations
WITHOUT_RESIDUALS = ("attn-only", "attn-mlp", "unet-transformer-only")
USUAL_FACTOR = 25  # by which LoKr parts a layer where nothing is said: about the root of its width


@dataclass(frozen=True)
class LoraShape:
    """Which layers a LoRA of a base model changes, and how many numbers the model itself has, `parameters` in all.

    `activations` is its family's; None where nobody has counted them.
    """

    targets: Targets
    parameters: int
    is_measured: bool = True
    activations: Activations | None = None


# Stable Diffusion 1.5, for base models whose head can't be read.
SD15 = LoraShape(
    Targets(
        Layers(192, 423_936),
        Layers(72, 165_888),
        Layers(50, 544_000),
        Layers(36, 82_880),
        Layers(64, 99_840),
        Layers(44, 99_840),
        unet_parameters=859_520_964,
    ),
    1_066_235_307,
    is_measured=False,
    activations=USUAL.training.activations,
)


def lora_shape(base: Found) -> LoraShape:
    """Of a base model; Stable Diffusion 1.5's where its heads can't be read, or say nothing of layers."""
    try:
        shapes = shapes_of(base)
    except TrainToolsError:
        return SD15
    targets = (base.family.network.targets if base.family else of_unet)(shapes)
    if not targets.unet.count:
        return SD15
    activations = base.family.training.activations if base.family else SD15.activations
    return LoraShape(targets, sum(math.prod(shape) for shape in shapes.values()), activations=activations)


@dataclass(frozen=True)
class Factors:
    """What a LoRA holds: so many layers, and so many numbers in their factors."""

    layers: int
    numbers: int


def factors_of(shape: LoraShape, arguments: Mapping[str, Any]) -> Factors:
    """Of the network that `arguments` ask for.

    LoHa has two pairs of factors for each layer, LoKr small ones (https://github.com/KohakuBlueleaf/LyCORIS); other
    networks count as the LoRA of their rank. Of ranks that differ from block to block it is the mean.
    """
    # A grid asks thousands of times for a handful of networks.
    return _factors(
        shape,
        _rank(network_arg(arguments, "block_dims"), int(arguments["network_dim"])),
        not arguments.get("network_train_text_encoder_only"),
        not arguments.get("network_train_unet_only"),
        _conv_dim(arguments),
        network_arg(arguments, "algo").lower() if arguments.get("network_module") == LYCORIS else "",
        network_arg(arguments, "factor"),
        _trains_norms(arguments),
        network_arg(arguments, "preset"),
    )


def _rank(of_blocks: str, rank: int) -> int:
    found = [int(one) for one in of_blocks.split(",") if one.strip().isdecimal()]
    return round(sum(found) / len(found)) if found else rank


def _conv_dim(arguments: Mapping[str, Any]) -> int | None:
    """The rank of kernels; None where they aren't trained, nor what lies beside them."""
    given = network_arg(arguments, "conv_dim")
    if arguments.get("network_module") == LYCORIS:
        if network_arg(arguments, "preset") not in WITH_KERNELS:
            return None
        return int(given) if given.isdecimal() else int(arguments["network_dim"])
    of_blocks = network_arg(arguments, "conv_block_dims") if network_arg(arguments, "block_dims") else ""
    return _rank(of_blocks, int(given)) if given.isdecimal() else (_rank(of_blocks, 0) or None)


def _trains_norms(arguments: Mapping[str, Any]) -> bool:
    given = network_arg(arguments, "train_norm").lower()
    return arguments.get("network_module") == LYCORIS and given not in ("", "false")


@functools.lru_cache(maxsize=256)
def _factors(
    shape: LoraShape,
    rank: int,
    with_unet: bool,
    with_text: bool,
    conv_dim: int | None,
    algorithm: str,
    factor: str,
    with_norms: bool,
    preset: str,
) -> Factors:
    layers = shape.targets.text if with_text else Layers()
    numbers = 0
    if with_unet:
        layers += shape.targets.unet
        if conv_dim is not None:
            kernels, beside = shape.targets.kernels, shape.targets.beside_kernels
            layers += Layers(kernels.count + beside.count, beside.width)
            numbers = kernels.width * conv_dim
    numbers += layers.width * rank
    if algorithm == "lokr":
        # A layer's large matrix is so many times smaller each way, and whole where its rank would be more.
        text = shape.targets.text
        side = text.width / (2 * text.count) if with_text and text.count else 0.0
        whole = int(text.count * side**2) + shape.targets.unet_parameters * with_unet
        times = int(factor) if factor.isdecimal() and int(factor) else USUAL_FACTOR
        numbers = min(numbers // times, whole // times**2) + layers.count * times**2
    norms = Layers()
    if with_unet and with_norms:
        norms += shape.targets.norms if preset not in WITHOUT_TRANSFORMERS else Layers()
        norms += shape.targets.kernel_norms if preset not in WITHOUT_RESIDUALS else Layers()
    return Factors(layers.count + norms.count, (2 if algorithm == "loha" else 1) * numbers + norms.width)


def network_arg(arguments: Mapping[str, Any], name: str) -> str:
    """The text of `name=…` in network_args, "" where it isn't there."""
    start = f"{name}="
    found = [
        str(item)[len(start) :] for item in arguments.get("network_args") or () if str(item).startswith(start)
    ]
    return found[-1] if found else ""


def lora_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> int:
    """Size of one checkpoint file, to about a kilobyte."""
    factors = factors_of(shape, arguments)
    size = BYTES[arguments["save_precision"]]
    return (factors.numbers + factors.layers) * size + factors.layers * HEAD_BYTES_PER_LAYER + METADATA_BYTES


def state_bytes(shape: LoraShape, arguments: Mapping[str, Any]) -> int:
    """What a run keeps on disk to go on from, while it is trained: weights and the optimizer's moments in fp32.

    Twice, as a new state is whole before the old one goes.
    """
    moments = 1 if "lion" in str(arguments["optimizer_type"]).lower() else 2
    return 2 * 4 * (1 + moments) * factors_of(shape, arguments).numbers
