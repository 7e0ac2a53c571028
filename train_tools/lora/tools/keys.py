"""What the keys of a LoRA file say: in which program's form they are, and of which layer's which tensor each is.

Four forms go round. *kohya*: `lora_unet_<path with underscores>.lora_down.weight`, of sd-scripts, OneTrainer and
LyCORIS. *diffusers*: `unet.<path>.lora_A.weight`, as PEFT saves adapters, with the name of the pipeline's part before.
*comfyui*: `diffusion_model.<path>.lora_A.weight`, with the paths of the model's own file. *peft*: an adapter of one
model, `base_model.model.<path>…`, which doesn't say of which part. The ends of the names are told in kohya's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KOHYA, DIFFUSERS, COMFYUI, PEFT = FORMS = ("kohya", "diffusers", "comfyui", "peft")
UNET = "unet"  # or the transformer that stands in its place
TEXT = "text"  # text, text2, text3: the text encoders in their order

# What stands before a layer's path: the form, and the part that it is of. The longest that fits is taken.
PREFIXES: Mapping[str, tuple[str, str]] = {
    "lora_unet_": (KOHYA, UNET), "oft_unet_": (KOHYA, UNET), "lora_transformer_": (KOHYA, UNET),
    "lycoris_": (KOHYA, UNET), "lora_prior_unet_": (KOHYA, UNET),
    "lora_te_": (KOHYA, TEXT), "lora_te1_": (KOHYA, TEXT), "lora_te2_": (KOHYA, "text2"),
    "lora_te3_": (KOHYA, "text3"),
    "unet.": (DIFFUSERS, UNET), "transformer.": (DIFFUSERS, UNET),
    "text_encoder.": (DIFFUSERS, TEXT), "text_encoder_2.": (DIFFUSERS, "text2"),
    "text_encoder_3.": (DIFFUSERS, "text3"),
    "diffusion_model.": (COMFYUI, UNET), "model.diffusion_model.": (COMFYUI, UNET),
    "text_encoders.clip_l.transformer.": (COMFYUI, TEXT), "text_encoders.clip_g.transformer.": (COMFYUI, "text2"),
    "text_encoders.t5xxl.transformer.": (COMFYUI, "text3"), "text_encoders.": (COMFYUI, TEXT),
    "clip_l.transformer.": (COMFYUI, TEXT), "clip_g.transformer.": (COMFYUI, "text2"),
    "t5xxl.transformer.": (COMFYUI, "text3"),
    "base_model.model.": (PEFT, UNET),
}  # fmt: skip
BY_LENGTH = sorted(PREFIXES, key=len, reverse=True)
# How other programs end a name, and how kohya's does.
ENDS: Mapping[str, str] = {
    "lora_A.weight": "lora_down.weight", "lora_B.weight": "lora_up.weight",
    "lora_A.default.weight": "lora_down.weight", "lora_B.default.weight": "lora_up.weight",
    "lora.down.weight": "lora_down.weight", "lora.up.weight": "lora_up.weight",
    "lora_linear_layer.down.weight": "lora_down.weight", "lora_linear_layer.up.weight": "lora_up.weight",
    "lora_magnitude_vector": "dora_scale", "lora_magnitude_vector.weight": "dora_scale",
    "lora_magnitude_vector.default.weight": "dora_scale", "lora_A": "lora_down.weight", "lora_B": "lora_up.weight",
}  # fmt: skip
# Ends that are the same everywhere.
OWN_ENDS = re.compile(
    r"(lora_(?:up|down|mid)\.weight|alpha|dora_scale|diff(?:_b)?|set_weight|w_norm|b_norm|[ab][12]\.weight|"
    r"hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)|oft_(?:blocks|diag)|on_input|rescale|scale|"
    r"lora_(?:up|down)\.bias|bias_(?:indices|values|size)|weight)$"
)
# Older diffusers name the layer and its factor in one word: `processor.to_q_lora.down.weight`.
OLD = re.compile(r"(.+)\.processor\.(to_(?:q|k|v|out))_lora\.(down|up)\.weight$")


@dataclass(frozen=True)
class Key:
    """`path` is that of the layer within its part, as it is written: with underscores (kohya) or dots."""

    form: str
    part: str
    path: str
    end: str

    @property
    def layer(self) -> tuple[str, str]:
        return self.part, self.path


@dataclass(frozen=True)
class Layer:
    """`tensors`: kohya's end of a name -> the key in the file."""

    part: str
    path: str
    tensors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Keys:
    """Of a whole file; `form` is that of most keys, "" where none is a LoRA's. `others` are no LoRA's."""

    form: str
    layers: Mapping[tuple[str, str], Layer]
    others: tuple[str, ...]


def parsed(key: str) -> Key | None:
    """None where it isn't a LoRA's."""
    if old := OLD.match(key):
        return parsed(f"{old[1]}.{old[2]}{'.0' if old[2] == 'to_out' else ''}.lora.{old[3]}.weight")
    prefix = next((one for one in BY_LENGTH if key.startswith(one)), None)
    if prefix is None:
        return None
    form, part = PREFIXES[prefix]
    rest = key[len(prefix) :]
    path, end = rest.partition(".")[::2] if form == KOHYA else _cut(rest)
    # A plain `.weight` is (IA)³'s in kohya's form, and a base model's elsewhere.
    known = ENDS.get(end) or (end if OWN_ENDS.match(end) and (end != "weight" or form == KOHYA) else "")
    return Key(form, part, path, known) if path and known else None


def _cut(rest: str) -> tuple[str, str]:
    """A dotted name's path and end: the end has up to three words."""
    words = rest.split(".")
    for count in (3, 2, 1):
        end = ".".join(words[-count:])
        if len(words) > count and (end in ENDS or (end != "weight" and OWN_ENDS.match(end))):
            return ".".join(words[:-count]), end
    return rest, ""


def layers_of(names: Iterable[str]) -> Keys:
    """All layers of a file by part and path, in the order of their names."""
    layers: dict[tuple[str, str], Layer] = {}
    others, counts = [], dict.fromkeys(FORMS, 0)
    for name in sorted(names):
        key = parsed(name)
        if key is None:
            others.append(name)
            continue
        counts[key.form] += 1
        layers.setdefault(key.layer, Layer(*key.layer)).tensors[key.end] = name
    form = max(counts, key=lambda one: counts[one]) if layers else ""
    return Keys(form, layers, tuple(others))
