"""Trains K runs at once: one frozen base over a batch of K x B, each run with its own low-rank deltas.

A run's loss and gradient depend on its own slice alone, so a pack gives each run what it would
get alone, to floating-point noise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import targets_of

from .captions import CaptionCache
from .config import RunConfig
from .data import Batch
from .optim import RunOptimizer


@dataclass(frozen=True)
class Draws:
    """A step's chances: noise (K*B, 4, h, w) and timesteps (K*B,)."""

    noise: Tensor
    timesteps: Tensor


class Pack:
    """The state of K runs that are trained together; `alive[k]` is false once a run's loss was not finite."""

    def __init__(self, configs: list[RunConfig], base: BaseModel, steps: int) -> None:
        first = configs[0]
        self.configs = configs
        self.base = base
        self.device = base.device
        self._clip_skip = first.clip_skip
        self._trains_text = first.train_text_encoder
        targets = [
            target
            for target in targets_of(base, base.family.network.names)
            if (first.train_text_encoder if target.is_text else first.train_unet)
        ]
        ranks, alphas = [c.network_dim for c in configs], [c.network_alpha for c in configs]
        # fp32 also over a base in half precision; more where the base has more.
        self._dtype = torch.promote_types(base.dtype, torch.float32)
        self.stack = LoraStack(targets, ranks, alphas, self.device, self._dtype)
        for index, config in enumerate(configs):
            self.stack.initialise(index, config.seed)
        self.gradients = self.stack.train_into()
        self.optimizers = [
            RunOptimizer(config, self.stack.flat[k], self.gradients[k], self.stack.text_size, steps)
            for k, config in enumerate(configs)
        ]
        self.alive = [True] * len(configs)
        self._generators = [torch.Generator().manual_seed(c.seed) for c in configs]
        alphas_cumprod = DDPMScheduler(
            **{k: v for k, v in base.noise.items() if k.startswith(("num", "beta"))}
        ).alphas_cumprod.to(self.device)
        self._signal = alphas_cumprod
        self._snr = alphas_cumprod / (1 - alphas_cumprod)
        self._gammas = torch.tensor(
            [c.min_snr_gamma or float("inf") for c in configs], device=self.device
        ).unsqueeze(1)
        self._cache = CaptionCache(base, first.clip_skip)
        self._autocast = first.mixed_precision == "bf16"

    def draw(self, shape: torch.Size) -> Draws:
        """Each run's noise and timesteps for latents (B, 4, h, w), from its own seed."""
        noise, timesteps = [], []
        for generator in self._generators:
            noise.append(torch.randn(shape, generator=generator))
            timesteps.append(torch.randint(0, len(self._signal), shape[:1], generator=generator))
        return Draws(torch.cat(noise).to(self.device), torch.cat(timesteps).to(self.device))

    def losses(self, batches: list[Batch], draws: Draws) -> Tensor:
        """The loss of each run (K,): mean squared error of the predicted noise, weighted by min-SNR and by sample."""
        clean = torch.cat([batch.latents for batch in batches]).to(self.device)
        captions = [caption for batch in batches for caption in batch.captions]
        signal = self._signal[draws.timesteps].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * draws.noise
        with self._precision():
            if self._trains_text:
                conditioning = self.base.embed(self.base.tokens(captions), self._clip_skip)
            else:
                conditioning = self._cache.embed(captions)
            predicted = self.base.predict(noisy, draws.timesteps, conditioning)
        errors = (predicted.to(self._dtype) - draws.noise).pow(2).mean((1, 2, 3)).view(len(batches), -1)
        snr = self._snr[draws.timesteps].view_as(errors)
        # Hang et al. 2023, https://arxiv.org/abs/2303.09556, for a model that predicts noise.
        weights = errors.new_tensor([batch.weights for batch in batches])
        return (errors * weights * torch.minimum(self._gammas / snr, torch.ones_like(snr))).mean(1)

    def backward(self, losses: Tensor) -> None:
        """Adds up the gradients of the living runs; a dead run's slice stays zero."""
        self.gradients.zero_()
        alive = torch.tensor(self.alive, device=self.device)
        torch.where(alive, losses, torch.zeros_like(losses)).sum().backward()
        for index, living in enumerate(self.alive):
            if not living:
                # Whatever a dead run's slice got (0 x nan) must not reach its buffers again.
                self.gradients[index].zero_()

    def step(self, batches: list[Batch]) -> list[float]:
        """One optimizer step of every living run; returns all losses.

        A run whose loss is not finite dies here: its factors are set to zero, so that its share of
        the batch stays finite for the rest of the pack's life.
        """
        losses = self.losses(batches, self.draw(batches[0].latents.shape))
        values = [float(v) for v in losses.detach().cpu()]
        for index, value in enumerate(values):
            self.alive[index] = self.alive[index] and math.isfinite(value)
        self.backward(losses)
        for index, optimizer in enumerate(self.optimizers):
            if self.alive[index]:
                optimizer.step()
            else:
                self.stack.flat[index].zero_()
        return values

    def tensors(self, index: int) -> dict[str, Tensor]:
        """What run `index` has learned so far and where its chances stand, whatever pack it is in."""
        own = self._own(index)
        optimizer = self.optimizers[index].tensors(own)
        return {
            "factors": self.stack.flat[index][own].detach().to("cpu", copy=True),
            "generator": self._generators[index].get_state(),
            **{f"optimizer.{name}": tensor for name, tensor in optimizer.items()},
        }

    @torch.no_grad()
    def restore(self, index: int, tensors: Mapping[str, Tensor], schedule: Mapping[str, Any]) -> None:
        """The counterpart of `tensors` and of the optimizer's `schedule`."""
        own = self._own(index)
        self.stack.flat[index][own] = tensors["factors"].to(self.stack.flat)
        self._generators[index].set_state(tensors["generator"])
        start = "optimizer."
        kept = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
        self.optimizers[index].restore(kept, own, schedule)

    def _own(self, index: int) -> Tensor:
        """(P,) true where a number is a factor of this run, false where it pads its rank to the pack's."""
        rank, masks = self.stack.ranks[index], []
        for delta in self.stack.deltas:
            down = torch.zeros(delta.down.shape[1:], dtype=torch.bool, device=self.device)
            up = torch.zeros(delta.up.shape[1:], dtype=torch.bool, device=self.device)
            down[:rank] = True
            up[:, :rank] = True
            masks += [down.flatten(), up.flatten()]
        return torch.cat(masks)

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if self._autocast:
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()
