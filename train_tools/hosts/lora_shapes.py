"""What a LoRA file changes, told from its head: the name of each layer and the shape of the change it holds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]

# The ends of tensors' names, in the spellings of sd-scripts, LyCORIS, PEFT and diffusers; before it stands the layer.
ENDING = re.compile(
    r"(?:\.lora_(?P<ab>[AB])(?:\.default)?(?:\.weight)?"
    r"|[._]lora(?:_linear_layer)?[._](?P<updown>up|down|mid)\.weight"
    r"|\.(?P<other>alpha|dora_scale|diff|diff_b|w_norm|b_norm|set_weight|reshape_weight|rescale|scale|on_input|bias"
    r"|lora_[AB]\.bias|hada_\w+|lokr_\w+|oft_\w+(?:\.\w+)?|[ab][12]\.weight|weight))$"
)
ROLES = {"A": "down", "B": "up"}
NOT_A_LAYER = "bundle_emb"  # embeddings that the file brings along
TEXT_ENCODERS = ("lora_te", "text_encoder", "lora_prior_te")


@dataclass(frozen=True)
class Layer:
    """`change` is outputs and inputs (times the kernel's size) of the change; None where the head doesn't tell."""

    name: str
    change: tuple[int, int] | None
    has_kernel: bool = False

    @property
    def is_text(self) -> bool:
        return self.name.startswith(TEXT_ENCODERS)


def layers_of(shapes: Mapping[str, Shape]) -> list[Layer]:
    """By the shapes of a file's tensors, in the file's order."""
    parts: dict[str, dict[str, Shape]] = {}
    for tensor, shape in shapes.items():
        layer, role = split(tensor)
        if layer != NOT_A_LAYER:
            parts.setdefault(layer, {})[role] = shape
    return [
        Layer(
            name,
            _change(roles),
            any(len(shape) == 4 and math.prod(shape[2:]) > 1 for shape in roles.values()),
        )
        for name, roles in parts.items()
    ]


def split(tensor: str) -> tuple[str, str]:
    """`lora_unet_a_b.lora_up.weight` -> `lora_unet_a_b`, `up`."""
    found = ENDING.search(tensor)
    if found is None:
        name, _, rest = tensor.partition(".")
        return name, rest
    role = ROLES.get(found["ab"] or "") or found["updown"] or found["other"]
    return tensor[: found.start()], role


def flat(shape: Shape) -> tuple[int, int]:
    """A weight's outputs and inputs, the kernel counted to the inputs."""
    return (shape[0] if shape else 1), math.prod(shape[1:])


def _change(parts: Mapping[str, Shape]) -> tuple[int, int] | None:
    if "up" in parts and "down" in parts:
        return _lora(parts)
    if "hada_w1_a" in parts and "hada_w1_b" in parts:
        return _loha(parts)
    if any(name.startswith("lokr_w") for name in parts):
        return _lokr(parts)
    for name in ("diff", "w_norm", "set_weight"):
        if name in parts:
            return flat(parts[name])
    return None  # OFT, (IA)^3, GLoRA: their factors don't name the layer's shape


def _lora(parts: Mapping[str, Shape]) -> tuple[int, int] | None:
    if "reshape_weight" in parts:
        return None  # it makes the layer larger
    outputs, inputs = parts["up"][0], math.prod(parts["down"][1:])
    return outputs, inputs * math.prod(parts.get("mid", ())[2:])


def _loha(parts: Mapping[str, Shape]) -> tuple[int, int]:
    a, b = parts["hada_w1_a"], parts["hada_w1_b"]
    if "hada_t1" in parts:
        return a[1], b[1] * math.prod(parts["hada_t1"][2:])
    return a[0], math.prod(b[1:])


def _lokr(parts: Mapping[str, Shape]) -> tuple[int, int] | None:
    first, second = _factor(parts, "1"), _factor(parts, "2")
    if first is None or second is None:
        return None
    return first[0] * second[0], first[1] * second[1]


def _factor(parts: Mapping[str, Shape], which: str) -> tuple[int, int] | None:
    whole, a, b = (parts.get(f"lokr_w{which}{end}") for end in ("", "_a", "_b"))
    if whole is not None:
        return flat(whole)
    if a is None or b is None:
        return None
    core = parts.get("lokr_t2") if which == "2" else None
    if core is not None:
        return a[1], b[1] * math.prod(core[2:])
    return a[0], math.prod(b[1:])
