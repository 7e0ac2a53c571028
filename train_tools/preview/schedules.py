"""Names of samplers and schedulers as the webui has them."""

from __future__ import annotations

AUTOMATIC = "Automatic"
# The webui's schedulers that samplers' older names end with, as in "DPM++ 2M Karras".
SCHEDULERS_IN_NAMES = ("Karras", "Exponential", "SGM Uniform")


def named_apart(sampler: str, scheduler: str) -> tuple[str, str]:
    """`DPM++ 2M Karras` names both, as the webui did before version 1.9."""
    if scheduler == AUTOMATIC:
        for name in SCHEDULERS_IN_NAMES:
            if sampler.endswith(f" {name}"):
                return sampler.removesuffix(f" {name}"), name
    return sampler, scheduler
