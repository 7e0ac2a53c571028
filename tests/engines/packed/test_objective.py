"""Noise, target and loss of each run against sd-scripts' formulas, written out plainly; alone and in a pack."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.step.objective import Draws, Objective

BETAS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
CPU = torch.device("cpu")
OPTIONS: list[dict[str, Any]] = [
    {}, {"min_snr_gamma": 5.0}, {"noise_offset": 0.1}, {"noise_offset": 0.1, "noise_offset_random_strength": True},
    {"noise_offset": 0.05, "adaptive_noise_scale": 0.2}, {"multires_noise_iterations": 6},
    {"ip_noise_gamma": 0.1}, {"ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True},
    {"min_timestep": 200, "max_timestep": 300}, {"min_timestep": 999, "max_timestep": 999},
    {"loss_type": "l1"}, {"loss_type": "huber"}, {"loss_type": "smooth_l1", "huber_schedule": "exponential"},
    {"loss_type": "huber", "huber_schedule": "constant", "huber_c": 0.3, "huber_scale": 2.0},
    {"debiased_estimation_loss": True}, {"v_parameterization": True},
    {"v_parameterization": True, "min_snr_gamma": 5.0}, {"v_parameterization": True, "debiased_estimation_loss": True},
    {"v_parameterization": True, "scale_v_pred_loss_like_noise_pred": True}, {"v_pred_like_loss": 0.5},
]  # fmt: skip


def config(**changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1, **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


def step(configs: list[RunConfig], clean: list[Tensor]) -> tuple[Draws, Tensor, Tensor, Tensor]:
    objective = Objective(configs, BETAS, CPU)
    generators = [torch.Generator().manual_seed(run.seed) for run in configs]
    draws = objective.draw(clean, generators)
    latents = torch.cat(clean)
    noisy = objective.noisy(latents, draws)
    predicted = (noisy * 0.7 + 0.1).requires_grad_()
    weights = torch.ones(len(configs), len(clean[0]))
    losses = objective.losses(predicted, latents, draws, weights)
    return draws, noisy, predicted, losses


def plainly(run: RunConfig, latents: Tensor, draws: Draws, noisy: Tensor) -> Tensor:
    """The loss of one run alone, sample by sample."""
    signal = DDPMScheduler(**BETAS).alphas_cumprod
    found = []
    for clean, noise, mixed, at in zip(latents, draws.noise, noisy, draws.timesteps.tolist(), strict=True):
        a = float(signal[at])
        snr = a / (1 - a)
        target = math.sqrt(a) * noise - math.sqrt(1 - a) * clean if run.v_parameterization else noise
        off = mixed * 0.7 + 0.1 - target
        if run.loss_type == "l2":
            loss = float(off.pow(2).mean())
        elif run.loss_type == "l1":
            loss = float(off.abs().mean())
        else:
            c = {
                "snr": (1 - run.huber_c) / (1 + math.sqrt(1 / snr)) ** 2 + run.huber_c,
                "constant": run.huber_c * run.huber_scale,
                "exponential": math.exp(math.log(run.huber_c) / 1000 * at) * run.huber_scale,
            }[run.huber_schedule]
            loss = float((2 * ((off.pow(2) + c * c).sqrt() - c)).mean()) * (
                c if run.loss_type == "huber" else 1
            )
        limited = min(snr, 1000.0)
        if run.min_snr_gamma:
            loss *= min(snr, run.min_snr_gamma) / (snr + 1 if run.v_parameterization else snr)
        if run.scale_v_pred_loss_like_noise_pred:
            loss *= limited / (limited + 1)
        if run.v_pred_like_loss:
            loss += loss / (limited / (limited + 1)) * run.v_pred_like_loss
        if run.debiased_estimation_loss:
            loss *= 1 / (limited + 1) if run.v_parameterization else 1 / math.sqrt(limited)
        found.append(loss)
    return torch.tensor(found).mean()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_option_means_what_it_means_to_sd_scripts(options: dict[str, Any]) -> None:
    run = config(seed=3, **options)
    clean = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(9))
    draws, noisy, _, losses = step([run], [clean])
    signal = DDPMScheduler(**BETAS).alphas_cumprod[draws.timesteps].view(-1, 1, 1, 1)
    torch.testing.assert_close(noisy, signal.sqrt() * clean + (1 - signal).sqrt() * draws.added)
    torch.testing.assert_close(losses[0], plainly(run, clean, draws, noisy), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_run_is_the_same_beside_all_others(options: dict[str, Any]) -> None:
    clean = [torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(n)) for n in range(len(OPTIONS))]
    runs = [config(seed=n, **given) for n, given in enumerate(OPTIONS)]
    which = OPTIONS.index(options)
    draws, _, predicted, losses = step(runs, clean)
    own, _, own_predicted, own_losses = step([runs[which]], [clean[which]])
    place = slice(2 * which, 2 * which + 2)
    assert torch.equal(draws.noise[place], own.noise)
    assert torch.equal(draws.timesteps[place], own.timesteps)
    torch.testing.assert_close(losses[which], own_losses[0], rtol=1e-5, atol=0)
    losses.sum().backward()
    own_losses.sum().backward()
    assert predicted.grad is not None
    torch.testing.assert_close(predicted.grad[place], own_predicted.grad, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", ["l2", "l1", "huber"])
def test_a_mask_weighs_the_places_of_its_run_alone(kind: str) -> None:
    runs = [config(seed=1, loss_type=kind), config(seed=2, min_snr_gamma=5.0)]
    clean = torch.randn(4, 4, 8, 8)
    objective = Objective(runs, BETAS, CPU)
    draws = objective.draw(clean.chunk(2), [torch.Generator().manual_seed(n) for n in range(2)])
    predicted, weights = torch.randn(4, 4, 8, 8), torch.ones(2, 2)
    plain = objective.losses(predicted, clean, draws, weights)
    masks = torch.ones(4, 1, 8, 8)
    masks[:2, :, 4:] = 0
    masked = objective.losses(predicted, clean, draws, weights, masks)
    assert masked[1] == plain[1]
    # What is masked counts as no error at all; it isn't left out of the mean.
    predicted[:2, :, 4:] = draws.noise[:2, :, 4:]
    torch.testing.assert_close(masked[0], objective.losses(predicted, clean, draws, weights)[0])


def test_pure_noise_at_the_last_step() -> None:
    run = config(zero_terminal_snr=True, min_timestep=999, max_timestep=1000)
    clean = torch.randn(1, 4, 8, 8)
    draws, noisy, _, losses = step([run], [clean])
    torch.testing.assert_close(noisy, draws.noise)
    assert torch.isfinite(losses).all()
    told = DDPMScheduler(**BETAS, rescale_betas_zero_snr=True).alphas_cumprod
    first, _, _, _ = step([config(zero_terminal_snr=True, max_timestep=1)], [clean])
    objective = Objective([run], BETAS, CPU)
    mixed = objective.noisy(clean, first)
    torch.testing.assert_close(mixed, told[0].sqrt() * clean + (1 - told[0]).sqrt() * first.noise)


def test_noise_of_several_sizes_keeps_its_strength() -> None:
    clean = torch.zeros(4, 4, 32, 32)
    draws, _, _, _ = step([config(multires_noise_iterations=8, multires_noise_discount=0.8)], [clean])
    assert float(draws.noise.std()) == pytest.approx(1, abs=1e-4)
    plain, _, _, _ = step([config()], [clean])

    def coarse(noise: Tensor) -> float:
        return float(noise.mean((2, 3)).std())

    assert coarse(draws.noise) > 3 * coarse(plain.noise)
