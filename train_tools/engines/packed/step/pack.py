"""Trains K runs at once: one frozen base over a batch of K x B, each run with its own low-rank deltas.

A run's loss and gradient depend on its own slice alone, so a pack gives each run what it would
get alone, to floating-point noise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from train_tools.engines.packed.base.precision import PRECISIONS, computing, trained_dtype
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import Batch
from train_tools.engines.packed.data.captions import CaptionCache
from train_tools.engines.packed.network.layers import make_stack
from train_tools.engines.packed.step.objective import Draws, Objective
from train_tools.engines.packed.step.optim import RunOptimizer
from train_tools.engines.packed.step.scaling import LossScale
from train_tools.engines.packed.step.stepping import Stepping
from train_tools.engines.packed.step.weights import own_numbers
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora.norms import limit_norms

OF_TRANSFORMERS = "gradient_checkpointing_enable"


class Late:
    """Numbers that a GPU may still be at: on their way to where they are read."""

    def __init__(self, numbers: Tensor) -> None:
        self._numbers = numbers
        self._is_here: Any = None
        if numbers.is_cuda:
            self._numbers = torch.empty_like(numbers, device="cpu", pin_memory=True)
            self._numbers.copy_(numbers, non_blocking=True)
            self._is_here = torch.cuda.Event()
            self._is_here.record()

    def values(self) -> list[float]:
        """Waits for them."""
        if self._is_here is not None:
            self._is_here.synchronize()
        values: list[float] = self._numbers.tolist()
        return values


class Pack:
    """The state of K runs that are trained together; `alive[k]` is false once a run's loss was not finite."""

    def __init__(
        self,
        configs: list[RunConfig],
        base: BaseModel,
        steps: int | Sequence[int],
        captions: CaptionCache | None = None,
    ) -> None:
        """`steps` are those of each run's whole training, one number where it is the same for all. `captions` are
        embedded already, for all packs on this base.
        """
        first = configs[0]
        totals = [steps] * len(configs) if isinstance(steps, int) else steps
        self.configs = configs
        self.base = base
        self.device = base.device
        self._trains_text = first.train_text_encoder
        if first.gradient_checkpointing:
            _checkpoint(base, texts=self._trains_text)
        self._dtype = torch.promote_types(base.dtype, torch.float32)  # of losses
        self.stack = make_stack(configs, base, self.device, trained_dtype(first, base))
        self.gradients = self.stack.train_into(PRECISIONS[first.mixed_precision])
        self.optimizers = [
            RunOptimizer(config, self.stack, self.gradients, k, totals[k]) for k, config in enumerate(configs)
        ]
        self._stepping = Stepping(self.optimizers, self.gradients)
        norms = [config.scale_weight_norms for config in configs]
        self._norms = torch.tensor(norms, device=self.device, dtype=self.stack.flat.dtype).view(-1, 1, 1)
        self._limits_norms = any(norms)
        self._lengths = torch.zeros(3, len(configs))
        self.alive = [True] * len(configs)
        self._generators = [torch.Generator().manual_seed(c.seed) for c in configs]
        betas = {name: value for name, value in base.noise.items() if name.startswith(("num", "beta"))}
        self._objective = Objective(configs, betas, self.device)
        self.captions = captions or CaptionCache(
            base, first.clip_skip, first.max_token_length, first.weighted_captions
        )
        self._accumulated = first.gradient_accumulation_steps
        self._scales = [LossScale() for _ in configs] if first.mixed_precision == "fp16" else []

    def draw(
        self, batches: list[Batch], generators: Sequence[Generator] = (), level: int | None = None
    ) -> Draws:
        """Each run's noise and timesteps for its latents, from its own seed or generator; or at a level to validate."""
        latents = [batch.latents for batch in batches]
        return self._objective.draw(latents, generators or self._generators, level)

    def losses(self, batches: list[Batch], draws: Draws) -> Tensor:
        """The loss of each run (K,)."""
        self.stack.begin()
        clean = torch.cat([batch.latents for batch in batches]).to(self.device)
        captions = [caption for batch in batches for caption in batch.captions]
        sizes = self._put(torch.tensor([size for batch in batches for size in batch.sizes]))
        weights = self._put(torch.tensor([batch.weights for batch in batches], dtype=self._dtype))
        masks = _masks(batches)
        if masks is not None:
            masks = self._put(masks.to(self._dtype))
        noisy = self._objective.noisy(clean, draws)
        with computing(self.configs[0], self.device):
            told = self.captions.encode if self._trains_text else self.captions.embed
            predicted = self.base.predict(noisy, draws.timesteps, told(captions), sizes)
        return self._objective.losses(predicted.to(self._dtype), clean, draws, weights, masks)

    def backward(self, losses: Tensor, *, begins: bool = True) -> None:
        """Adds up the gradients of the living runs; a dead run's slice stays zero. `begins` with none of before."""
        scaled = losses
        if self._scales:
            scaled = losses * self._put(torch.tensor([scale.value for scale in self._scales]))
        if not all(self.alive):
            alive = self._put(torch.tensor(self.alive))
            scaled = torch.where(alive, scaled, torch.zeros_like(losses))
        scaled.sum().backward()
        self.stack.collect(onto=not begins)
        for index, living in enumerate(self.alive):
            if not living:
                # Whatever a dead run's slice got (0 x nan) must not reach its buffers again.
                self.gradients[index].zero_()

    def step(self, batches: list[Batch], *, begins: bool = True, ends: bool = True) -> list[float]:
        """`launch`, and its losses."""
        return self.hear(self.launch(batches, begins=begins, ends=ends))

    def launch(self, batches: list[Batch], *, begins: bool = True, ends: bool = True) -> Late:
        """One optimizer step of every living run, or the one of several batches that `begins` or `ends` it.

        Its losses are to be heard before anything of it is kept, best while the next one is computed: who reads them
        waits for the GPU. Until then a run that dies harms its own slice alone.
        """
        losses = self.losses(batches, self.draw(batches))
        # As accelerate does, also where an epoch's last step has fewer batches.
        self.backward(losses / self._accumulated if self._accumulated > 1 else losses, begins=begins)
        if ends:
            self.optimize()
        return Late(losses.detach())

    def hear(self, late: Late) -> list[float]:
        """The losses. A run whose loss is not finite dies here: its factors are set to zero, so that its share of the
        batch stays finite for the rest of the pack's life.
        """
        values = late.values()
        for index, value in enumerate(values):
            self.alive[index] = self.alive[index] and math.isfinite(value)
            if not self.alive[index]:
                self.stack.flat[index].zero_()
        return values

    def optimize(self) -> None:
        """A step of the optimizers of all living runs; in half precision not of those whose gradients overflowed."""
        whole = self._stepping.clip([scale.value for scale in self._scales] if self._scales else None)
        living = [index for index, alive in enumerate(self.alive) if alive]
        for index in living if self._scales else []:
            self._scales[index].heard(whole[index])
        self._stepping.step([index for index in living if whole[index]])
        if self._limits_norms:
            self._lengths = limit_norms(self.stack, self._norms)
            for optimizer in self.optimizers:
                optimizer.take_over()

    def lengths(self, index: int) -> Late | None:
        """What `scale_weight_norms` did to a run in the last step, where it has one: how many layers got shorter, and
        the mean and greatest length of all.
        """
        return Late(self._lengths[:, index]) if self.configs[index].scale_weight_norms else None

    def _put(self, tensor: Tensor) -> Tensor:
        """On the device, without waiting for what it is at."""
        if self.device.type != "cuda":
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def scale(self, index: int) -> LossScale | None:
        """Of a run's losses, where there is one: it is a part of the run's state."""
        return self._scales[index] if self._scales else None

    def tensors(self, index: int) -> dict[str, Tensor]:
        """What run `index` has learned so far and where its chances stand, whatever pack it is in."""
        own = own_numbers(self.stack.pieces, index)
        return {
            "factors": self.stack.flat[index][own].detach().to("cpu", copy=True),
            "generator": self._generators[index].get_state(),
            **(self.stack.dropouts.state(index) if self.stack.dropouts else {}),
            **{f"optimizer.{name}": tensor for name, tensor in self.optimizers[index].tensors().items()},
        }

    @torch.no_grad()
    def restore(self, index: int, tensors: Mapping[str, Tensor], schedule: Mapping[str, Any]) -> None:
        """The counterpart of `tensors` and of the optimizer's `schedule`."""
        own = own_numbers(self.stack.pieces, index)
        self.stack.flat[index][own] = tensors["factors"].to(self.stack.flat)
        self._generators[index].set_state(tensors["generator"])
        if self.stack.dropouts:
            self.stack.dropouts.restore(index, tensors)
        start = "optimizer."
        kept = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
        self.optimizers[index].restore(kept, schedule)

    @contextlib.contextmanager
    def to_be_saved(self, index: int) -> Iterator[None]:
        """Within this context the stack holds what is worth keeping of a run, as schedule-free optimizers tell it."""
        self.optimizers[index].to_be_saved(True)
        try:
            yield
        finally:
            self.optimizers[index].to_be_saved(False)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Within this context nothing is learned, and every run is what is worth keeping of it."""
        with contextlib.ExitStack() as saved, torch.no_grad():
            saved.enter_context(self.stack.whole())
            for index in range(len(self.configs)):
                saved.enter_context(self.to_be_saved(index))
            yield


def _masks(batches: list[Batch]) -> Tensor | None:
    """(K*B, 1, h, w), ones where a run has none; None where no run has any."""
    if all(batch.masks is None for batch in batches):
        return None
    return torch.cat(
        [torch.ones_like(b.latents[:, :1]).cpu() if b.masks is None else b.masks for b in batches]
    )


def _checkpoint(base: BaseModel, *, texts: bool) -> None:
    """Activations are computed again for the gradients, instead of kept."""
    for module in (base.unet, *(base.text_encoders if texts else ())):
        # Only a module in training mode does so; none of these has a dropout that would wake up.
        module.train()
        if hasattr(module, OF_TRANSFORMERS):
            module.gradient_checkpointing_enable()
        else:
            module.enable_gradient_checkpointing()
