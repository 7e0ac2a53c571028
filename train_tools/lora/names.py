"""What the files of a family call the layers that a LoRA changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

UNET = "lora_unet"
TEXT = "lora_te"
OFT = "oft_unet"  # what networks.oft has before the UNet's layers


def as_they_are(paths: Iterable[str]) -> Mapping[str, str]:
    return {path: path for path in paths}


@dataclass(frozen=True)
class Names:
    """`text`: what stands before the layers of each text encoder. `unet` gives for each of diffusers' module paths the
    path that files are named by.
    """

    text: tuple[str, ...] = (TEXT,)
    unet: Callable[[Iterable[str]], Mapping[str, str]] = as_they_are


OWN_NAMES = Names()  # Stable Diffusion 1's and 2's, as diffusers names the layers
