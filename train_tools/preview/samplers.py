"""Samplers and schedulers of the renderer `diffusers`, under the webui's names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.errors import UsageError

AUTOMATIC, UNIFORM = "Automatic", "Uniform"
TERMINAL = 2**-24  # what diffusers leaves of the signal where none should be: its sigmas stay finite
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


def make(sampler: str, scheduler: str, steps: int, noise: Mapping[str, Any] | None = None) -> Any:
    """A scheduler of diffusers, its timesteps set. `noise` is the base model's, left out: Stable Diffusion's."""
    from train_tools.families.stable_diffusion.latents import NOISE

    known = SAMPLERS[sampler]
    kind = _class_of(known.scheduler)
    options = {**(NOISE if noise is None else noise), **known.options}
    if options.get("rescale_betas_zero_snr"):
        # Lin et al. 2023, https://arxiv.org/abs/2305.08891: the first step must be the one without signal.
        options["timestep_spacing"] = "trailing"
        if "rescale_betas_zero_snr" not in inspect.signature(kind.__init__).parameters:
            options["trained_betas"] = _without_signal(options)
            del options["rescale_betas_zero_snr"]
    made = kind(**{**options, **SCHEDULES[schedule_of(sampler, scheduler)]})
    made.set_timesteps(steps)
    return made


def _without_signal(noise: Mapping[str, Any]) -> list[float]:
    """The betas of zero terminal SNR, for diffusers' classes that don't make them themselves."""
    import torch
    from diffusers.schedulers.scheduling_euler_discrete import rescale_zero_terminal_snr

    start, end = noise["beta_start"] ** 0.5, noise["beta_end"] ** 0.5
    betas = rescale_zero_terminal_snr(torch.linspace(start, end, noise["num_train_timesteps"]) ** 2)
    kept = torch.cumprod(1 - betas, 0)
    kept[-1] = TERMINAL
    return [float(beta) for beta in 1 - kept / torch.cat([torch.ones(1), kept[:-1]])]


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
