"""Whether the numbers of a safetensors file are numbers; without torch."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from .safetensors_header import Header, TensorPlace

# Floats of two bytes or more; whole numbers are always finite.
EXPONENT_BITS = {"F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80), "F32": ("<u4", 0x7F800000),
                 "F64": ("<u8", 0x7FF0000000000000)}  # fmt: skip


def not_finite(path: Path, header: Header) -> list[str]:
    """The names of tensors with NaN or infinity."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [name for name, tensor in header.tensors.items() if not _is_finite(data, tensor)]


def _is_finite(data: mmap.mmap, tensor: TensorPlace) -> bool:
    import numpy as np

    if tensor.dtype not in EXPONENT_BITS:
        return True
    kind, bits = EXPONENT_BITS[tensor.dtype]
    numbers: Any = np.frombuffer(data[tensor.begin : tensor.end], dtype=kind)
    return not bool(((numbers & bits) == bits).any())
