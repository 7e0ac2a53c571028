"""Weights of a LoRA block by block, in the order of sd-webui-lora-block-weight.

26 numbers: BASE (the text encoder), IN00 … IN11, MID, OUT00 … OUT11. 17 leave out the blocks without attention in
Stable Diffusion 1, 12 those in SDXL; what is left out is 1.
"""

from __future__ import annotations

import re

from train_tools.errors import UsageError

IN, MID, OUT = 1, 13, 14  # where they start
COUNT = 26
SD1 = (0, *(IN + n for n in (1, 2, 4, 5, 7, 8)), MID, *(OUT + n for n in range(3, 12)))
SDXL = (0, *(IN + n for n in (4, 5, 7, 8)), MID, *(OUT + n for n in range(6)))
PLACES = {26: tuple(range(COUNT)), 17: SD1, 12: SDXL}
PRESETS = {
    "NONE": "0" * 17,
    "ALL": "1" * 17,
    "INS": "11100000000000000",
    "IND": "10001110000000000",
    "INALL": "11111110000000000",
    "MIDD": "10001111111100000",
    "OUTD": "10000000111100000",
    "OUTS": "10000000000011111",
    "OUTALL": "10000000111111111",
}
WITH_NUMBER = {"OUTX": (8, 9), "INX": (9, 8)}  # how many of the 17 are X at one end, and how many are 1
DIFFUSERS = re.compile(
    r"lora_unet_(down|mid|up)_blocks?_(\d+_)?(attentions|resnets|downsamplers|upsamplers)_(\d+)"
)
ORIGINAL = re.compile(r"lora_unet_(input|middle|output)_blocks?_(\d+)")

Blocks = tuple[float, ...]


def parse(text: str) -> Blocks:
    """26 numbers from a preset's name, `OUTX:0.5`, or 12, 17 or 26 numbers; raises UsageError."""
    name, _, number = text.strip().upper().partition(":")
    try:
        if name in PRESETS and not number:
            given = [float(digit) for digit in PRESETS[name]]
        elif name in WITH_NUMBER and number:
            ones = [1.0] * 17
            count = WITH_NUMBER[name][0]
            at = slice(0, count) if name == "OUTX" else slice(17 - count, 17)
            ones[at] = [float(number)] * count
            given = ones
        else:
            given = [float(part) for part in text.split(",")]
        places = PLACES[len(given)]
    except (ValueError, KeyError):
        raise UsageError(
            f"block_weights = {text}: write a preset ({', '.join(PRESETS)}), OUTX:0.5, INX:0.5, or 12 (SDXL), "
            "17 or 26 numbers"
        ) from None
    found = [1.0] * COUNT
    for place, weight in zip(places, given, strict=True):
        found[place] = weight
    return tuple(found)


def factor(blocks: Blocks, module: str) -> float:
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
