"""What a step asks of the model: noise and noise levels for each run, the target, and the loss of each run.

The formulas are those of sd-scripts (get_noise_noisy_latents_and_timesteps and conditional_loss in
library/train_util.py, library/custom_train_functions.py, 48d368fa). Each run draws from its own generator, and as much
as it would alone; options that only some runs have cost the others nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Generator, Tensor

from train_tools.engines.packed.config import RunConfig

LARGEST_SNR = 1000.0  # at timestep 0 it would have no end
VALIDATED_LEVELS = 4  # noise levels at which what is held back is measured
FACTOR_MOST, FACTOR_LEAST = 4.0, 2.0  # between the sizes of multires noise


@dataclass(frozen=True)
class Draws:
    """A step's chances: `noise` (K*B, C, h, w), that is learned, `added` to the latents, `timesteps` (K*B,)."""

    noise: Tensor
    added: Tensor
    timesteps: Tensor


class Objective:
    """Of K runs on one base model. `betas` are the base model's noise schedule, as diffusers' schedulers take it."""

    def __init__(self, configs: Sequence[RunConfig], betas: Mapping[str, Any], device: torch.device) -> None:
        self._configs = configs
        self._device = device
        signal = DDPMScheduler(**betas).alphas_cumprod
        # sd-scripts takes its SNR before the schedule is brought down to pure noise.
        self._snr = (signal / (1 - signal)).to(device)
        if configs[0].zero_terminal_snr:
            signal = DDPMScheduler(**betas, rescale_betas_zero_snr=True).alphas_cumprod
        self._signal = signal.to(device)
        self._losses = [config.loss_type for config in configs]
        self._schedules = [config.huber_schedule for config in configs]
        self._is_velocity = self._each(config.v_parameterization for config in configs)
        self._gammas = self._each(config.min_snr_gamma or math.inf for config in configs)
        self._is_scaled = self._each(config.scale_v_pred_loss_like_noise_pred for config in configs)
        self._likeness = self._each(config.v_pred_like_loss for config in configs)
        self._is_debiased = self._each(config.debiased_estimation_loss for config in configs)
        self._huber_c = self._each(config.huber_c for config in configs)
        self._huber_scale = self._each(config.huber_scale for config in configs)

    def _each(self, values: Iterable[float | bool]) -> Tensor | None:
        """A column (K, 1); None where all are off, so that nothing is computed."""
        column = list(values)
        if not any(column) or all(value == math.inf for value in column):
            return None
        return torch.tensor(column, device=self._device).unsqueeze(1)

    def draw(
        self, latents: Sequence[Tensor], generators: Sequence[Generator], level: int | None = None
    ) -> Draws:
        """Each run's noise and timesteps for its latents (B, C, h, w), which may lie anywhere; or at a level to
        validate, counted from 0.
        """
        drawn = [
            self._draw(config, clean, generator, level)
            for config, clean, generator in zip(self._configs, latents, generators, strict=True)
        ]
        noise, added, timesteps = (torch.cat(part).to(self._device) for part in zip(*drawn, strict=True))
        return Draws(noise, added, timesteps)

    def _draw(
        self, config: RunConfig, latents: Tensor, generator: Generator, level: int | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        noise = torch.randn(latents.shape, generator=generator)
        if config.noise_offset:
            noise = _with_offset(noise, latents, config, generator)
        if config.multires_noise_iterations:
            noise = _multires(noise, config, generator)
        low, high = config.min_timestep, min(config.max_timestep, len(self._signal))
        if level is not None:  # all equally far apart
            low = high = low + (high - low) * (level + 1) // (VALIDATED_LEVELS + 1)
        count = len(latents)
        if low < high:
            timesteps = torch.randint(low, high, (count,), generator=generator)
        else:
            timesteps = torch.full((count,), min(high, len(self._signal) - 1))
        added = noise
        if config.ip_noise_gamma:
            strength = config.ip_noise_gamma
            if config.ip_noise_gamma_random_strength:
                strength = float(torch.rand(1, generator=generator)) * strength
            added = noise + strength * torch.randn(latents.shape, generator=generator)
        return noise, added, timesteps

    def noisy(self, latents: Tensor, draws: Draws) -> Tensor:
        signal = self._signal[draws.timesteps].view(-1, 1, 1, 1)
        return signal.sqrt() * latents + (1 - signal).sqrt() * draws.added

    def losses(
        self, predicted: Tensor, latents: Tensor, draws: Draws, weights: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """(K,): `predicted` and `latents` are (K*B, C, h, w), `weights` (K, B) those of the samples.

        `masks` (K*B, 1, h, w) weigh the places of each; None: all count alike.
        """
        count = len(self._configs)
        difference = predicted - self._target(latents, draws)
        errors = self._errors(difference, draws.timesteps, masks).view(count, -1)
        return (errors * weights * self._weights(draws.timesteps.view(count, -1))).mean(1)

    def _target(self, latents: Tensor, draws: Draws) -> Tensor:
        if self._is_velocity is None:
            return draws.noise
        signal = self._signal[draws.timesteps].view(-1, 1, 1, 1)
        # Salimans and Ho 2022, https://arxiv.org/abs/2202.00512
        target = signal.sqrt() * draws.noise - (1 - signal).sqrt() * latents
        return torch.where(self._of_samples(self._is_velocity, latents), target, draws.noise)

    def _of_samples(self, column: Tensor, samples: Tensor) -> Tensor:
        """A column (K, 1) as (K*B, 1, 1, 1)."""
        return column.flatten().repeat_interleave(len(samples) // len(column)).view(-1, 1, 1, 1)

    def _errors(self, difference: Tensor, timesteps: Tensor, masks: Tensor | None) -> Tensor:
        """(K*B,) from (K*B, C, h, w): each run's kind of loss, each kind computed once for all."""
        kinds = {}
        for kind in dict.fromkeys(self._losses):
            errors = self._error(kind, difference, timesteps)
            kinds[kind] = (errors if masks is None else errors * masks).mean((1, 2, 3))
        return self._chosen(self._losses, kinds)

    def _error(self, kind: str, difference: Tensor, timesteps: Tensor) -> Tensor:
        if kind in ("l1", "l2"):
            return difference.abs() if kind == "l1" else difference.pow(2)
        c = self._turn(timesteps).view(-1, 1, 1, 1)
        root = (difference.pow(2) + c.pow(2)).sqrt() - c
        return 2 * (c * root if kind == "huber" else root)

    def _turn(self, timesteps: Tensor) -> Tensor:
        """Where squares turn into lines (K*B,), https://arxiv.org/abs/2403.16728."""
        assert self._huber_c is not None
        levels = timesteps.view(len(self._losses), -1)
        scale = 1.0 if self._huber_scale is None else self._huber_scale
        kinds = {}
        for schedule in dict.fromkeys(self._schedules):
            if schedule == "constant":
                found = (self._huber_c * scale).expand(levels.shape)
            elif schedule == "exponential":
                found = torch.exp(self._huber_c.log() / len(self._signal) * levels) * scale
            else:
                signal = self._signal[levels]
                found = (1 - self._huber_c) / (1 + ((1 - signal) / signal).sqrt()).pow(2) + self._huber_c
            kinds[schedule] = found.flatten()
        return self._chosen(self._schedules, kinds)

    def _chosen(self, names: Sequence[str], kinds: Mapping[str, Tensor]) -> Tensor:
        """Of values (K*B,) of each kind those of each run's own."""
        if len(kinds) == 1:
            return next(iter(kinds.values()))
        count = len(names)
        return torch.cat([kinds[name].view(count, -1)[run] for run, name in enumerate(names)])

    def _weights(self, timesteps: Tensor) -> Tensor | float:
        """(K, B), by the signal-to-noise ratio: all of sd-scripts' are factors."""
        snr = self._snr[timesteps]
        is_velocity = self._is_velocity if self._is_velocity is not None else snr.new_zeros(len(snr), 1)
        is_velocity = is_velocity.to(snr.dtype)
        weights: Tensor | float = 1.0
        if self._gammas is not None:
            # Hang et al. 2023, https://arxiv.org/abs/2303.09556
            factor = torch.minimum(self._gammas, snr) / (snr + is_velocity)
            weights = torch.where(self._gammas.isinf(), torch.ones_like(snr), factor)
        limited = snr.clamp(max=LARGEST_SNR)
        scale = limited / (limited + 1)
        if self._is_scaled is not None:
            weights = weights * torch.where(self._is_scaled, scale, torch.ones_like(scale))
        if self._likeness is not None:
            weights = weights * (1 + self._likeness / scale)
        if self._is_debiased is not None:
            # Yu et al. 2023, https://arxiv.org/abs/2310.08442
            factor = torch.where(is_velocity.bool(), 1 / (limited + 1), limited.rsqrt())
            weights = weights * torch.where(self._is_debiased, factor, torch.ones_like(factor))
        return weights


def _with_offset(noise: Tensor, latents: Tensor, config: RunConfig, generator: Generator) -> Tensor:
    """https://www.crosslabs.org/blog/diffusion-with-offset-noise"""
    strength: Tensor | float = config.noise_offset
    if config.noise_offset_random_strength:
        strength = torch.rand(1, generator=generator) * strength
    if config.adaptive_noise_scale is not None:
        mean = latents.mean((2, 3), keepdim=True).abs().cpu()
        strength = (strength + config.adaptive_noise_scale * mean).clamp(min=0)
    return noise + strength * torch.randn((*noise.shape[:2], 1, 1), generator=generator)


def _multires(noise: Tensor, config: RunConfig, generator: Generator) -> Tensor:
    """Noise of several sizes, brought back to unit variance; J. Whitaker's multires noise (2023)."""
    height, width = noise.shape[2:]
    total = noise.clone()
    for number in range(config.multires_noise_iterations):
        span = FACTOR_MOST - FACTOR_LEAST
        factor = (float(torch.rand(1, generator=generator)) * span + FACTOR_LEAST) ** number
        size = max(1, int(height / factor)), max(1, int(width / factor))
        coarse = torch.randn((*noise.shape[:2], *size), generator=generator)
        total += (
            F.interpolate(coarse, (height, width), mode="bilinear") * config.multires_noise_discount**number
        )
        if 1 in size:
            break
    return total / total.std()
