"""Each run's own optimizer and schedule, on its own slice of the shared buffers."""

from __future__ import annotations

from collections.abc import Mapping
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
        self._parts: list[tuple[slice, nn.Parameter]] = []
        groups = []
        for part, rate in (
            (slice(0, text_size), config.text_encoder_lr),
            (slice(text_size, None), config.unet_lr),
        ):
            if parameters[part].numel():
                parameter = nn.Parameter(parameters[part])
                parameter.grad = gradients[part]
                groups.append({"params": [parameter], "lr": rate})
                self._parts.append((part, parameter))
        self.optimizer = _optimizer(config, groups)
        self.scheduler = _scheduler(config, self.optimizer, steps)

    @property
    def learning_rate(self) -> float:
        """The rate of the part that comes last: the UNet's, where it is trained."""
        return float(self.optimizer.param_groups[-1]["lr"])

    def tensors(self, own: Tensor) -> dict[str, Tensor]:
        """The optimizer's numbers, on the CPU; of those for each parameter only where `own` (P,) is true."""
        found = {}
        for index, (part, parameter) in enumerate(self._parts):
            mask = own[part]
            for name, value in self.optimizer.state[parameter].items():
                kept = value[mask] if value.shape == parameter.shape else value
                found[f"{index}.{name}"] = kept.detach().to("cpu", copy=True)
        return found

    def restore(self, tensors: Mapping[str, Tensor], own: Tensor, schedule: Mapping[str, Any]) -> None:
        """The counterpart of `tensors` and `schedule`; parameters that aren't `own` start at zero."""
        for name, value in tensors.items():
            index, _, key = name.partition(".")
            part, parameter = self._parts[int(index)]
            mask, full = own[part], value.to(parameter.device)
            if value.shape == (int(mask.sum()),):
                full = torch.zeros_like(parameter.detach(), dtype=value.dtype)
                full[mask] = value.to(full)
            self.optimizer.state[parameter][key] = full
        self.scheduler.load_state_dict(dict(schedule["scheduler"]))
        for group, rate in zip(self.optimizer.param_groups, schedule["rates"], strict=True):
            group["lr"] = rate

    @property
    def schedule(self) -> dict[str, Any]:
        """Where the learning rates stand, as JSON holds it."""
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        return {"scheduler": self.scheduler.state_dict(), "rates": rates}

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
