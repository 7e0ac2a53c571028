"""Samplers and schedulers of the renderer `diffusers`, under the webui's names."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.errors import UsageError

AUTOMATIC, UNIFORM = "Automatic", "Uniform"
# Option of diffusers that makes the webui's scheduler.
SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    UNIFORM: {},
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
}
SIGMAS = (UNIFORM, "Karras", "Exponential", "SGM Uniform")


@dataclass(frozen=True)
class Sampler:
    """`scheduler` is diffusers' class. `automatic` is what the webui takes for Automatic."""

    scheduler: str
    schedules: tuple[str, ...] = SIGMAS
    automatic: str = UNIFORM
    options: Mapping[str, Any] = field(default_factory=dict)
    with_noise: bool = False  # in each step


SAMPLERS: Mapping[str, Sampler] = {
    "DDIM": Sampler("DDIMScheduler", (UNIFORM,), options={"clip_sample": False, "set_alpha_to_one": False}),
    "Euler": Sampler("EulerDiscreteScheduler"),
    "Euler a": Sampler("EulerAncestralDiscreteScheduler", (UNIFORM, "SGM Uniform"), with_noise=True),
    "Heun": Sampler("HeunDiscreteScheduler"),
    "DPM2": Sampler("KDPM2DiscreteScheduler", automatic="Karras"),
    "DPM++ 2M": Sampler("DPMSolverMultistepScheduler", automatic="Karras"),
    "DPM++ 2M SDE": Sampler(
        "DPMSolverMultistepScheduler",
        automatic="Exponential",
        options={"algorithm_type": "sde-dpmsolver++"},
        with_noise=True,
    ),
    "UniPC": Sampler("UniPCMultistepScheduler"),
}


def check(sampler: str, scheduler: str) -> None:
    """Raises UsageError naming what there is."""
    if sampler not in SAMPLERS:
        raise UsageError(
            f"sampler {sampler!r} is none of the renderer diffusers; there are: {', '.join(SAMPLERS)}; a webui "
            "has more (renderer=host)"
        )
    schedules = (AUTOMATIC, *SAMPLERS[sampler].schedules)
    if scheduler not in schedules:
        raise UsageError(
            f"scheduler {scheduler!r} doesn't go with {sampler}; there are: {', '.join(schedules)}"
        )


def schedule_of(sampler: str, scheduler: str) -> str:
    """The schedule that is used for it."""
    return SAMPLERS[sampler].automatic if scheduler == AUTOMATIC else scheduler


def make(sampler: str, scheduler: str, steps: int) -> Any:
    """A scheduler of diffusers, its timesteps set."""
    from train_tools.families.stable_diffusion.latents import NOISE

    known = SAMPLERS[sampler]
    options = {
        **NOISE,
        **known.options,
        **SCHEDULES[schedule_of(sampler, scheduler)],
    }
    made = _class_of(known.scheduler)(**options)
    made.set_timesteps(steps)
    return made


@functools.cache
def _class_of(name: str) -> Any:
    """diffusers' DPM2 hands NumPy tensors of one number, thousands of times; NumPy 2 warns twice at each."""
    import diffusers

    original: Any = getattr(diffusers, name)
    if not hasattr(original, "_sigma_to_t"):
        return original

    class WithArrays(original):  # type: ignore[misc]
        def _sigma_to_t(self, sigma: Any, log_sigmas: Any) -> Any:
            return super()._sigma_to_t(*map(_array, (sigma, log_sigmas)))

    return WithArrays


def _array(values: Any) -> Any:
    return values.cpu().numpy() if hasattr(values, "cpu") else values
