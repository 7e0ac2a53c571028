"""Whether a LoRA fits the model that a webui has loaded, before the webui sees it.

Each webui looks a LoRA's layers up by a table of its own, and that is asked: AUTOMATIC1111's `networks.load_network`,
the key maps of Forge's kind (`backend.patcher.lora`; reForge and Classic: `ldm_patched.modules.lora`). What a webui
does with a layer that it doesn't know, or whose shape is another, ranges from leaving it out unsaid to weights that
stay changed; so such a LoRA is refused here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.hosts import modules
from train_tools.hosts.interface import HostError
from train_tools.hosts.lora_shapes import Layer, flat, layers_of, split
from train_tools.lora.safetensors_header import read_header

NAMED = 3  # layers that a refusal names
INPAINTING = 9  # channels of an inpainting model's first layer; webuis pad what was made for 4
MAPS = ("backend.patcher.lora", "ldm_patched.modules.lora")


@dataclass(frozen=True)
class Target:
    """Where a layer goes: the weight's name in the webui's model, and its outputs and inputs.

    `shape` is None where the weight is stored in another shape than it has (4 bits, GGUF).
    """

    weight: str
    is_text: bool
    shape: tuple[int, int] | None


Targets = Mapping[str, Target]  # by the layer's name


def read_layers(lora: Path) -> list[Layer]:
    """Raises HostError where the file can't be read or changes nothing."""
    try:
        layers = layers_of({name: place.shape for name, place in read_header(lora).tensors.items()})
    except (TrainToolsError, OSError) as error:
        raise HostError(f"the LoRA {lora} can't be read ({error}); train or copy it again") from error
    if not layers:
        raise HostError(f"the LoRA {lora} has no layers; train or copy it again")
    return layers


def active(layers: Sequence[Layer], targets: Targets | None, text: float, unet: float) -> list[Layer]:
    """Those that change anything at these weights."""

    def weight(layer: Layer) -> float:
        target = (targets or {}).get(layer.name)
        return text if (target.is_text if target else layer.is_text) else unet

    return [layer for layer in layers if weight(layer)]


def refuse_unless_it_fits(layers: Sequence[Layer], targets: Targets | None, text: float, unet: float) -> None:
    """Raises HostError. A part at weight 0 may be unknown to the model, but not of another shape: a webui adds nothing
    of it, and fails all the same.
    """
    if targets is None:
        return  # this webui has no table; what it applied is counted afterwards
    used = {layer.name for layer in active(layers, targets, text, unet)}
    wrong = [layer.name for layer in layers if not _fits(layer, targets.get(layer.name), layer.name in used)]
    if wrong:
        named = ", ".join(wrong[:NAMED]) + (" …" if len(wrong) > NAMED else "")
        raise HostError(
            f"{len(wrong)} of the LoRA's {len(layers)} layers don't fit this base model ({named}); was it trained "
            "on it?"
        )


def _fits(layer: Layer, target: Target | None, is_used: bool) -> bool:
    if target is None:
        return not is_used
    if layer.change is None or target.shape is None or layer.change == target.shape:
        return True
    outputs, inputs = target.shape
    is_padded = inputs % INPAINTING == 0 and layer.change == (outputs, inputs // INPAINTING * 4)
    return is_padded and layer.name.endswith(("input_blocks_0_0", "conv_in"))


def targets_of(model: Any, entry: Any, layers: Sequence[Layer]) -> Targets | None:
    """`entry` is the webui's own of the file. None where this webui has no table. Raises HostError."""
    if hasattr(model, "forge_objects"):
        return None if is_nunchaku() else _of_forge(model, layers)
    networks = sys.modules["networks"]
    if hasattr(networks, "load_network") and hasattr(networks, "networks_in_memory"):
        return _of_a1111(networks, entry)
    return None


def is_nunchaku() -> bool:
    """Neo with weights of 4 bits by SVDQ: names of layers and LoRA are that library's own."""
    dynamic_args = getattr(modules.anywhere("backend.args"), "dynamic_args", None)
    return bool(getattr(dynamic_args, "nunchaku", False))


def _of_a1111(networks: Any, entry: Any) -> Targets:
    try:
        net = networks.load_network(entry.name, entry)
    except Exception as error:  # AssertionError for what it doesn't know, anything for damaged files
        raise HostError(f"the webui can't read this LoRA: {modules.line_of(error)}") from error
    networks.networks_in_memory[entry.name] = net  # so that it isn't read again for the picture
    found = {}
    for key, module in net.modules.items():
        shape = getattr(module, "shape", None)
        name = split(module.network_key)[0]
        found[name] = Target(key, "transformer" in key[:20], None if shape is None else flat(tuple(shape)))
    return found


def _of_forge(model: Any, layers: Sequence[Layer]) -> Targets | None:
    original = getattr(model, "forge_objects_original", None) or model.forge_objects
    maps: Any = next((module for name in MAPS if (module := modules.anywhere(name)) is not None), None)
    if not hasattr(maps, "model_lora_keys_unet") or not hasattr(maps, "model_lora_keys_clip"):
        return None
    unet, clip = original.unet.model, original.clip.cond_stage_model
    found: dict[str, Target] = {}
    # Each with a dict of its own: the default one is shared by all calls, and remembers the last model's names.
    for is_text, part, table in (
        (False, unet, maps.model_lora_keys_unet(unet, {})),
        (True, clip, maps.model_lora_keys_clip(clip, {})),
    ):
        weights = _weights(part)
        for layer in layers:
            if layer.name in found:
                continue
            key = next((table[name] for name in _spellings(layer.name) if name in table), None)
            target = None if key is None else _target(key, is_text, weights)
            if target is not None:
                found[layer.name] = target
    return found


def _spellings(name: str) -> list[str]:
    """Neo renames some before it looks them up: a doubled line, and Anima's adapter, which is a text encoder there."""
    names = [name]
    if name.startswith("lora_unet__"):
        names.append(name.replace("lora_unet__", "lora_unet_", 1))
    for before, after in (
        ("lora_unet_llm_adapter", "lora_te_llm_adapter"),
        ("diffusion_model.llm_adapter", "text_encoders.qwen3_06b.llm_adapter"),
    ):
        if name.startswith(before):
            names.append(name.replace(before, after, 1))
    return names


def _target(key: Any, is_text: bool, weights: Mapping[str, Any]) -> Target | None:
    """`key` is a weight's name, or with a slice of it: (name, (dimension, start, length), …)."""
    name, offset = (key, None) if isinstance(key, str) else (key[0], key[1])
    weight = weights.get(name)
    if weight is None:
        return None
    if not weight.is_floating_point() or getattr(weight, "gguf_cls", None) is not None:
        return Target(name, is_text, None)
    shape: list[int] = list(weight.shape)
    if offset is not None:
        shape[offset[0]] = offset[2]
    return Target(name, is_text, flat(tuple(shape)))


def _weights(part: Any) -> dict[str, Any]:
    """Its parameters, as they carry how they are stored; and whatever else stands in its state."""
    return {**part.state_dict(), **dict(part.named_parameters())}
