"""How much fits in memory at once."""

from __future__ import annotations

from typing import Any

import psutil
import torch

# Values that the UNet holds at once for each of its widest activations' values, with guidance; measured high.
VALUES_AT_ONCE = 64
SHARE_OF_MEMORY = 0.6
SMALL_GPU = 12 * 2**30  # bytes; there the text encoders make room while the UNet draws


def free(device: torch.device) -> int:
    """Bytes that may be taken now."""
    return int(
        torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    )


def is_small(device: torch.device) -> bool:
    """A GPU on which SDXL's parts don't all fit beside what the UNet computes."""
    return device.type == "cuda" and bool(torch.cuda.mem_get_info(device)[1] < SMALL_GPU)


def cells_in_memory(unet: Any, width: int, height: int) -> int:
    """How many cells of that size in pixels fit in what is free now, at least 1."""
    widest = unet.config["block_out_channels"][0] * (width // 8) * (height // 8)
    each = 2 * widest * VALUES_AT_ONCE * unet.dtype.itemsize
    return max(1, int(free(unet.device) * SHARE_OF_MEMORY / each))


def emptied() -> None:
    """Gives back what torch keeps for itself."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
