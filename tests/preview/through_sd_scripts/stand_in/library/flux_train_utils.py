"""A stand-in for sd-scripts' `flux_train_utils` (48d368fa)."""

from __future__ import annotations

from typing import Any

import torch

TOO_MANY = 10_000  # tokens


def get_schedule(steps: int, tokens: int, shift: bool) -> list[float]:
    return torch.linspace(1, 0, steps + 1).tolist()


def denoise(
    model: Any, img: torch.Tensor, ids: torch.Tensor, txt: torch.Tensor, txt_ids: torch.Tensor, vec: torch.Tensor,
    *, timesteps: list[float], guidance: float, t5_attn_mask: Any, neg_cond: Any,
) -> torch.Tensor:  # fmt: skip
    if img.shape[1] > TOO_MANY:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")
    if guidance < 0:
        raise ValueError("guidance must be positive")
    seen = model.layer(vec + guidance / 10).mean()
    if neg_cond is not None:
        scale, against = neg_cond[:2]
        seen = against.mean() + (seen - against.mean()) * scale
    return img * len(timesteps) / 10 + (torch.nan if guidance > 100 else seen)
