"""Combinations of values that train, but hardly as meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def warnings_of(values: Mapping[str, Any]) -> Iterator[str]:
    """One sentence each, with what to do."""
    if values["network_alpha"] > values["network_dim"]:
        yield (
            f"network_alpha {values['network_alpha']:g} is above network_dim {values['network_dim']}: "
            "the LoRA learns faster than its learning rate says; half the rank is usual"
        )
    if values["lr_scheduler"] == "constant" and values["lr_warmup_steps"]:
        yield "lr_scheduler constant knows no warm-up; take constant_with_warmup, or lr_warmup_steps 0"
    if values["cache_latents"] and (values["color_aug"] or values["random_crop"]):
        yield "color_aug and random_crop need cache_latents false: cached images don't change"
