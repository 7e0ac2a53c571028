"""A LoRA that a tool makes: its modules' tensors, under kohya's names, until it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.lora.kinds.low_rank import ALPHA, DOWN, UP

from .streaming import write_lora


class Saved:
    """In one precision, on the CPU."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self.tensors: dict[str, Tensor] = {}
        self.ranks: list[int] = []
        self.alphas: list[float] = []

    def add(self, layer: str, tensors: Mapping[str, Tensor]) -> None:
        """Raises TrainToolsError where numbers are too large for the precision."""
        for end, tensor in tensors.items():
            made = tensor.detach().to("cpu", self._dtype).contiguous()
            if not torch.isfinite(made).all():
                raise TrainToolsError(
                    f"{layer} would hold numbers that aren't finite in this precision; write it in bf16 or fp32, or "
                    "with smaller weights"
                )
            self.tensors[f"{layer}.{end}"] = made

    def add_factors(
        self, layer: str, up: Tensor, down: Tensor, alpha: float, kernel: tuple[int, ...] = ()
    ) -> None:
        """`up` (outputs, rank), `down` (rank, inputs x kernel)."""
        if kernel:
            up, down = up.view(*up.shape, *[1] * len(kernel)), down.unflatten(1, (-1, *kernel))
        self.ranks.append(len(down))
        self.alphas.append(alpha)
        self.add(layer, {DOWN: down, UP: up, ALPHA: torch.tensor(alpha)})

    def write(self, out: Path, metadata: Mapping[str, str]) -> None:
        write_lora(out, self.tensors, metadata)
