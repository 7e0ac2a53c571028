"""Of which family a LoRA file is, by its metadata and its tensors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from train_tools.families.interface import Family, Shape
from train_tools.families.registry import FAMILIES, USUAL

TO_TEXT = re.compile(r"attn2[._]to_k\.(?:lora_down\.weight|lora_A\.weight|lora\.down\.weight|hada_w1_b)$")


def family_of(metadata: Mapping[str, str], tensors: Collection[str] = ()) -> Family | None:
    """By what the file says, else by its tensors' names; None where neither says it."""
    said, module = said_of(metadata), metadata.get("ss_network_module", "")
    for one in FAMILIES:
        if one.words.in_metadata and re.search(one.words.in_metadata, said):
            return one
    for one in FAMILIES:
        if module in set(one.training.network_modules) - set(USUAL.training.network_modules):
            return one
    marks = ((one, one.words.in_tensors) for one in FAMILIES if one.words.in_tensors)
    return next((one for one, mark in marks if any(re.search(mark, tensor) for tensor in tensors)), None)


def family_by_width(shapes: Mapping[str, Shape]) -> Family | None:
    """By how wide the texts are that its layers look at, where nothing else tells."""
    widths = {shape[1] for name, shape in shapes.items() if TO_TEXT.search(name) and len(shape) > 1}
    return next((one for one in FAMILIES if one.network.text_width in widths), None)


def said_of(metadata: Mapping[str, str]) -> str:
    said = f"{metadata.get('ss_base_model_version', '')} {metadata.get('modelspec.architecture', '')}"
    return said.strip().lower()
