"""Each run's own optimizer and schedule, on its own slice of the shared buffers."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.optimization import get_scheduler
from lion_pytorch import Lion
from torch import Tensor, nn

from train_tools.errors import UsageError

from .config import RunConfig


class RunOptimizer:
    """AdamW or Lion over one run's parameters (P,), the text encoder's first.

    `parameters` and `gradients` are slices of the pack's buffers and are changed in place.
    """

    def __init__(
        self, config: RunConfig, parameters: Tensor, gradients: Tensor, text_size: int, steps: int
    ) -> None:
        self._gradients = gradients
        self._limit = config.max_grad_norm
        groups = []
        for part, rate in (
            (slice(0, text_size), config.text_encoder_lr),
            (slice(text_size, None), config.unet_lr),
        ):
            if parameters[part].numel():
                parameter = nn.Parameter(parameters[part])
                parameter.grad = gradients[part]
                groups.append({"params": [parameter], "lr": rate})
        self.optimizer = _optimizer(config, groups)
        self.scheduler = _scheduler(config, self.optimizer, steps)

    @property
    def learning_rate(self) -> float:
        """The rate of the part that comes last: the UNet's, where it is trained."""
        return float(self.optimizer.param_groups[-1]["lr"])

    def step(self) -> None:
        if self._limit > 0:
            norm = torch.linalg.vector_norm(self._gradients)
            # The formula and its epsilon are torch.nn.utils.clip_grad_norm_'s.
            self._gradients.mul_((self._limit / (norm + 1e-6)).clamp(max=1.0))
        self.optimizer.step()
        self.scheduler.step()


def _optimizer(config: RunConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    name = config.optimizer.lower()
    try:
        if name == "adamw":
            return torch.optim.AdamW(groups, lr=config.unet_lr, fused=True, **config.optimizer_args)
        return Lion(groups, lr=config.unet_lr, **config.optimizer_args)
    except (TypeError, ValueError, AssertionError) as error:
        raise UsageError(
            f"{config.output_name}: {config.optimizer} refuses its learning rate or optimizer_args ({error})"
        ) from error


def _scheduler(config: RunConfig, optimizer: torch.optim.Optimizer, steps: int) -> Any:
    warmup = config.lr_warmup_steps
    warmup_steps = int(warmup * steps) if 0 < warmup < 1 else int(warmup)
    if config.lr_scheduler == "constant" and warmup_steps:
        raise UsageError(
            f"{config.output_name}: lr_scheduler constant knows no lr_warmup_steps; choose constant_with_warmup"
        )
    return get_scheduler(
        config.lr_scheduler, optimizer, num_warmup_steps=warmup_steps, num_training_steps=steps
    )
