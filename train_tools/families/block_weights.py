"""Weights of a LoRA block by block, in the order of sd-webui-lora-block-weight.

26 numbers: BASE (the text encoder), IN00 … IN11, MID, OUT00 … OUT11. 17 leave out the blocks without attention in
Stable Diffusion 1, 20 those that SDXL doesn't have, 12 those without attention in SDXL; what is left out is 1. A preset
is for the blocks with attention that the family has.
"""

from __future__ import annotations

import re

from train_tools.errors import UsageError
from train_tools.families.interface import Blocks
from train_tools.families.unets import SD_UNET as SD
from train_tools.families.unets import XL_UNET as XL

IN, MID, OUT = 1, 13, 14  # where they start
COUNT = 26


def _places(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[int, ...]:
    return 0, *(IN + n for n in inputs), MID, *(OUT + n for n in outputs)


PLACES = {
    26: tuple(range(COUNT)),
    20: _places(tuple(range(XL.inputs)), tuple(range(XL.outputs))),
    17: _places(SD.attended_inputs, SD.attended_outputs),
    12: _places(XL.attended_inputs, XL.attended_outputs),
}
# sd-webui-lora-block-weight's for Stable Diffusion 1, and the same parts of SDXL.
PRESETS = {
    SD: {
        "NONE": "0" * 17,
        "ALL": "1" * 17,
        "INS": "11100000000000000",
        "IND": "10001110000000000",
        "INALL": "11111110000000000",
        "MIDD": "10001111111100000",
        "OUTD": "10000000111100000",
        "OUTS": "10000000000011111",
        "OUTALL": "10000000111111111",
    },
    XL: {
        "NONE": "0" * 12,
        "ALL": "1" * 12,
        "INS": "111000000000",
        "IND": "100110000000",
        "INALL": "111110000000",
        "MIDD": "100111111000",
        "OUTD": "100000111000",
        "OUTS": "100000000111",
        "OUTALL": "100000111111",
    },
}
# Where X stands among those of a preset; the rest is 1.
WITH_NUMBER = {
    SD: {"OUTX": slice(0, 8), "INX": slice(8, 17)},
    XL: {"OUTX": slice(0, 6), "INX": slice(6, 12)},
}
DIFFUSERS = re.compile(
    r"lora_unet_(down|mid|up)_blocks?_(\d+_)?(attentions|resnets|downsamplers|upsamplers)_(\d+)"
)
ORIGINAL = re.compile(r"lora_unet_(input|middle|output)_blocks?_(\d+)")

Blocks26 = tuple[float, ...]


def parse(text: str, of: Blocks | None = None) -> Blocks26:
    """26 numbers from a preset's name, `OUTX:0.5`, or 12, 17, 20 or 26 numbers; raises UsageError.

    `of` are the family's, None: Stable Diffusion 1's.
    """
    name, _, number = text.strip().upper().partition(":")
    presets, with_number = PRESETS[of or SD], WITH_NUMBER[of or SD]
    try:
        if name in presets and not number:
            given = [float(digit) for digit in presets[name]]
        elif name in with_number and number:
            given = [1.0] * len(presets["ALL"])
            given[with_number[name]] = [float(number)] * len(given[with_number[name]])
        else:
            given = [float(part) for part in text.split(",")]
        places = PLACES[len(given)]
    except (ValueError, KeyError):
        raise UsageError(
            f"block_weights = {text}: write a preset ({', '.join(presets)}), OUTX:0.5, INX:0.5, or 12 or 20 (SDXL), "
            "17 or 26 numbers"
        ) from None
    found = [1.0] * COUNT
    for place, weight in zip(places, given, strict=True):
        found[place] = weight
    return tuple(found)


def factor(blocks: Blocks26, module: str) -> float:
    """By what a module of a LoRA file is multiplied, e.g. `lora_unet_down_blocks_1_attentions_0_proj_in`."""
    place = block_of(module)
    return 1.0 if place is None else blocks[place]


def block_of(module: str) -> int | None:
    """The place of a module's block among the 26; None for what belongs to none, as the time embedding."""
    if module.startswith("lora_te"):
        return 0
    if found := ORIGINAL.match(module):
        return {"input": IN, "middle": MID, "output": OUT}[found[1]] + (
            int(found[2]) if found[1] != "middle" else 0
        )
    if not (found := DIFFUSERS.match(module)):
        return None
    if found[1] == "mid":
        return MID
    level, number = int(found[2].rstrip("_")), int(found[4])
    if found[1] == "up":
        return OUT + 3 * level + (2 if found[3] == "upsamplers" else number)
    return IN + 3 * level + (3 if found[3] == "downsamplers" else 1 + number)
