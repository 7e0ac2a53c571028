"""The text encoders of Stable Diffusion: their names in a checkpoint, and their sizes, read off the shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.families.interface import Shape

INNER = "text_model."  # a level of names, which transformers 5 leaves out and NovelAI's files lack
HEAD_WIDTH = 64  # of all CLIPs here
# OpenCLIP's names of what stands in a layer, and around the layers.
LAYER = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}  # fmt: skip
AROUND = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
IN_ONE = {"q_proj": 0, "k_proj": 1, "v_proj": 2}  # OpenCLIP keeps these in one tensor, one below another
PROJECTION = "text_projection.weight"


@dataclass(frozen=True)
class Origin:
    """Where a tensor lies in a checkpoint: a whole tensor, or the `third` of one, or one turned round."""

    name: str
    third: int | None = None
    is_transposed: bool = False


@dataclass(frozen=True)
class TextEncoder:
    """`prefix` stands before its tensors in a checkpoint.

    `is_open` tells that they have OpenCLIP's names, `is_projected` that it has a vector for the whole text. `layers`
    is how many of its layers are used where it has more, 0: all. `filled_by` is the word that fills short texts.
    """

    part: str  # its folder in diffusers' layout
    tokenizer: str
    prefix: str
    is_open: bool = False
    is_projected: bool = False
    layers: int = 0
    filled_by: str = "<|endoftext|>"

    def origins(self, name: str) -> tuple[Origin, ...]:
        """Where the tensor that transformers calls so may lie in a checkpoint, best first."""
        plain = name.removeprefix(INNER)
        if not self.is_open:
            return Origin(f"{self.prefix}{INNER}{plain}"), Origin(f"{self.prefix}{plain}")
        if name == PROJECTION:
            # OpenCLIP multiplies from the other side; who saved it anew with a layer's name has turned it round.
            raw = f"{self.prefix}text_projection"
            return Origin(raw, is_transposed=True), Origin(f"{raw}.weight")
        return (_open_origin(self.prefix, plain),)

    def config(self, shapes: Mapping[str, Shape], heads: int | None = None) -> dict[str, Any]:
        """Arguments of transformers' CLIPTextConfig. Raises KeyError where a tensor is missing."""
        words, width = shapes[self._there("embeddings.token_embedding.weight", shapes)]
        layer = re.compile(rf"{re.escape(self.prefix)}.*\.(?:resblocks|layers)\.(\d+)\.")
        count = 1 + max((int(found[1]) for name in shapes if (found := layer.match(name))), default=0)
        return {
            "vocab_size": words,
            "hidden_size": width,
            "intermediate_size": shapes[self._there("encoder.layers.0.mlp.fc1.weight", shapes)][0],
            "num_hidden_layers": min(count, self.layers or count),
            "num_attention_heads": heads or max(1, width // HEAD_WIDTH),
            "max_position_embeddings": shapes[self._there("embeddings.position_embedding.weight", shapes)][0],
            "hidden_act": "gelu" if self.is_open else "quick_gelu",
            "projection_dim": self._projection(shapes) if self.is_projected else width,
            "bos_token_id": words - 2,
            "eos_token_id": words - 1,
            "pad_token_id": 0 if self.is_open else words - 1,
        }

    def unused(self, tensors: Mapping[str, Any], used: int) -> dict[str, Any]:
        """The layers that others expect in a checkpoint though none reads them: the last one that is read, again."""
        if not self.layers or used < self.layers:
            return {}
        last = f"{self.prefix}transformer.resblocks.{used - 1}."
        again = f"{self.prefix}transformer.resblocks.{used}."
        return {
            again + name.removeprefix(last): one for name, one in tensors.items() if name.startswith(last)
        }

    def _there(self, name: str, shapes: Mapping[str, Shape]) -> str:
        origins = self.origins(name)
        return next((one.name for one in origins if one.name in shapes), origins[0].name)

    def _projection(self, shapes: Mapping[str, Shape]) -> int:
        origin = next(one for one in self.origins(PROJECTION) if one.name in shapes or not one.is_transposed)
        return shapes[origin.name][1 if origin.is_transposed else 0]


def _open_origin(prefix: str, name: str) -> Origin:
    if name in AROUND:
        return Origin(prefix + AROUND[name])
    found = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if not found:
        raise ValueError(f"{name} is no tensor of CLIP's text encoder")
    layer, inner, end = f"{prefix}transformer.resblocks.{found[1]}.", found[2], found[3]
    if inner in LAYER:
        return Origin(f"{layer}{LAYER[inner]}.{end}")
    return Origin(f"{layer}attn.in_proj_{end}", IN_ONE[inner.removeprefix("self_attn.")])
