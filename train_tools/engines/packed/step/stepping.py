"""One optimizer step of many runs. Runs whose optimizers do the same are stepped by the same calls, each at its rate.

Each run keeps an optimizer of its own, with its own numbers: what a run has learned doesn't depend on its pack, and
kept states don't know of it. The formulas are those of the optimizers' own packages, for lists of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from train_tools.engines.packed.step.optim import RunOptimizer

Group = dict[str, Any]
# A parameter group of one run, and its optimizer's numbers for each parameter.
Member = tuple[Group, Mapping[Tensor, dict[str, Any]]]


class Stepping:
    """Of a pack: `gradients` (K, P) are the buffer that its runs' optimizers step by."""

    def __init__(self, runs: Sequence[RunOptimizer], gradients: Tensor) -> None:
        self._runs = runs
        self._gradients = gradients
        limits = [run.limit or torch.inf for run in runs]
        self._limits = torch.tensor(limits, dtype=self._norm_dtype, device=gradients.device)
        self._is_limited = any(run.limit for run in runs)

    @torch.no_grad()
    def clip(self, scales: Sequence[float] | None = None) -> list[bool]:
        """Each run's gradients by their norm; those that were multiplied by `scales` are brought back first.

        Returns which runs' gradients are finite: without scales they aren't looked at.
        """
        if scales is None and not self._is_limited:
            return [True] * len(self._runs)
        norms = torch.linalg.vector_norm(self._gradients, dim=1, dtype=self._norm_dtype)
        factors = norms.new_ones(())
        if scales is not None:
            factors = 1 / norms.new_tensor(scales)
        # The formula and its epsilon are torch.nn.utils.clip_grad_norm_'s.
        factors = factors * (self._limits / (norms * factors + 1e-6)).clamp(max=1.0)
        self._gradients.mul_(factors.unsqueeze(1))
        return [True] * len(self._runs) if scales is None else torch.isfinite(norms).tolist()

    @property
    def _norm_dtype(self) -> torch.dtype:
        return torch.promote_types(self._gradients.dtype, torch.float32)

    @torch.no_grad()
    def step(self, indices: Iterable[int]) -> None:
        """Of these runs. An optimizer's first step is its own: it makes its numbers."""
        together: dict[Callable[[list[Member]], None], list[Member]] = {}
        runs = [self._runs[index] for index in indices]
        for run in runs:
            run.begin()
            how = _how(run.optimizer) if run.is_flat else None
            if how is None:
                run.optimizer.step()
            else:
                members = [(group, run.optimizer.state) for group in run.optimizer.param_groups]
                together.setdefault(how, []).extend(members)
        for how, members in together.items():
            how(members)
        for run in runs:
            run.end()


def _how(optimizer: Any) -> Callable[[list[Member]], None] | None:
    """None: it steps alone, as long as it has no numbers, or what it is asked for isn't known here."""
    kind = type(optimizer)
    name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    groups = optimizer.param_groups
    if not all(parameter in optimizer.state for group in groups for parameter in group["params"]):
        return None
    if name == "torch.AdamW":
        return _adamw if all(g["fused"] and not g["amsgrad"] and not g["maximize"] for g in groups) else None
    if name == "lion_pytorch.Lion":
        known = {"params", "lr", "initial_lr", "betas", "weight_decay"}
        is_plain = getattr(optimizer.update_fn, "__name__", "") == "update_fn" and not optimizer.decoupled_wd
        return _lion if is_plain and all(known >= set(group) for group in groups) else None
    return None


def _adamw(members: list[Member]) -> None:
    """Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101: one call for all that share rate and settings."""
    alike: dict[tuple[Any, ...], list[Member]] = {}
    for group, state in members:
        key = float(group["lr"]), *group["betas"], group["weight_decay"], group["eps"]
        alike.setdefault(key, []).append((group, state))
    torch._foreach_add_([state["step"] for _, state in _each(members)], 1)
    for (rate, first, second, decay, epsilon), own in alike.items():
        pairs = _each(own)
        torch._fused_adamw_(
            [parameter for parameter, _ in pairs], [parameter.grad for parameter, _ in pairs],
            [state["exp_avg"] for _, state in pairs], [state["exp_avg_sq"] for _, state in pairs], [],
            [state["step"] for _, state in pairs], lr=rate, beta1=first, beta2=second, weight_decay=decay, eps=epsilon,
            amsgrad=False, maximize=False,
        )  # fmt: skip


def _lion(members: list[Member]) -> None:
    """Chen et al. 2023, https://arxiv.org/abs/2302.06675: one list of calls for all that share their betas."""
    alike: dict[tuple[float, float], list[Member]] = {}
    for member in members:
        alike.setdefault(tuple(member[0]["betas"]), []).append(member)
    for (first, second), own in alike.items():
        pairs = _each(own)
        parameters = [parameter for parameter, _ in pairs]
        gradients = [parameter.grad for parameter in parameters]
        averages = [state["exp_avg"] for _, state in pairs]
        rates = [float(group["lr"]) for group, _ in own for _ in group["params"]]
        decays = [group["weight_decay"] for group, _ in own for _ in group["params"]]
        if any(decays):
            torch._foreach_mul_(
                parameters, [1 - rate * decay for rate, decay in zip(rates, decays, strict=True)]
            )
        updates = torch._foreach_mul(averages, first)  # noqa: SLF001 - as torch.optim does it
        torch._foreach_add_(updates, gradients, alpha=1 - first)
        torch._foreach_sign_(updates)
        torch._foreach_mul_(updates, [-rate for rate in rates])
        torch._foreach_add_(parameters, updates)
        torch._foreach_mul_(averages, second)
        torch._foreach_add_(averages, gradients, alpha=1 - second)


def _each(members: Iterable[Member]) -> list[tuple[Any, dict[str, Any]]]:
    """Parameters and their numbers."""
    return [(parameter, state[parameter]) for group, state in members for parameter in group["params"]]
