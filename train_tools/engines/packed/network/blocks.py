"""The blocks of a UNet as the lists of sd-scripts count them: `block_dims`, `down_lr_weight` … (48d368fa)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from train_tools.errors import UsageError
from train_tools.families.unets import SD_UNET, XL_UNET

DIFFUSERS = re.compile(r"(up|down)_blocks_(\d+)_(resnets|upsamplers|downsamplers|attentions)_(\d+)_")
ORIGINAL = re.compile(r"lora_unet_(input|middle|output)_blocks?_(\d+)")
CURVES = ("cosine", "sine", "linear", "reverse_linear", "zeros")


@dataclass(frozen=True)
class Blocks:
    """How many there are; `beside` one more stands before and behind all, for what no LoRA changes."""

    downs: int
    middles: int
    ups: int
    beside: int

    @property
    def count(self) -> int:
        return self.downs + self.middles + self.ups + 2 * self.beside

    def place(self, name: str) -> int:
        """Of a layer, by its name in files; the last one where it lies in none."""
        if found := ORIGINAL.match(name):
            first = {"input": 0, "middle": self.downs, "output": self.downs + self.middles}[found[1]]
            return self.beside + first + int(found[2])
        if found := DIFFUSERS.search(name):
            number = 3 * int(found[2]) + (2 if found[3].endswith("samplers") else int(found[4]))
            return 1 + number if found[1] == "down" else self.downs + self.middles + number
        return self.downs if "mid_block_" in name else self.count - 1

    def numbers(self, name: str, text: str) -> tuple[float, ...]:
        """A list of one number for each block."""
        found = _numbers(name, text)
        if len(found) != self.count:
            raise UsageError(
                f"network_args {name} holds {len(found)} number(s), and the base model has {self.count} such blocks"
            )
        return found

    def weights(self, down: str, middle: str, up: str, threshold: float) -> tuple[float, ...]:
        """Of the learning rates; "": 1 everywhere. What isn't above `threshold` is 0."""
        rows = (
            ("down_lr_weight", down, self.downs), ("mid_lr_weight", middle, self.middles),
            ("up_lr_weight", up, self.ups),
        )  # fmt: skip
        found: list[float] = []
        for name, text, count in rows:
            given = _weights(name, text, count)[:count] if text else [1.0] * count
            given = [weight if weight > threshold else 0.0 for weight in given] if text else given
            found += [*given, *[1.0] * (count - len(given))]
        beside = [1.0] * self.beside
        return (*beside, *found, *beside)


SD = Blocks(SD_UNET.inputs, SD_UNET.middles, SD_UNET.outputs, 0)
XL = Blocks(XL_UNET.inputs, XL_UNET.middles, XL_UNET.outputs, 1)


def blocks_of(names: Iterable[str]) -> Blocks:
    """Of a UNet whose layers are so called."""
    return XL if any(ORIGINAL.match(name) for name in names) else SD


def _weights(name: str, text: str, count: int) -> Sequence[float]:
    word, _, plus = text.partition("+")
    if word not in CURVES or name == "mid_lr_weight":
        return _numbers(name, text)
    start = float(plus or 0)
    if word == "zeros":
        return [start] * count
    rising = [place / (count - 1) for place in range(count)]
    if word in ("cosine", "sine"):
        rising = [math.sin(math.pi * part / 2) for part in rising]
    if word in ("cosine", "reverse_linear"):
        rising.reverse()
    return [part + start for part in rising]


def _numbers(name: str, text: str) -> tuple[float, ...]:
    """An empty place is 0."""
    try:
        return tuple(float(part or 0) for part in text.split(","))
    except ValueError:
        if not name.endswith("_lr_weight"):
            raise UsageError(f"network_args {name}={text}: write numbers with commas between") from None
        raise UsageError(
            f"network_args {name}={text}: write numbers with commas between, or one of {', '.join(CURVES)}"
        ) from None
