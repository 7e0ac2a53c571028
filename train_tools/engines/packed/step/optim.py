"""Each run's own optimizer and schedule, on its own slice of the shared buffers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.step import schedules
from train_tools.engines.packed.step.optimizers import Optimizer, find
from train_tools.engines.packed.step.weights import FlatWeights, weights_of
from train_tools.errors import UsageError
from train_tools.lora.stack import LoraStack

SEVERAL = "several"  # in a kept state: tensors and other values under one name


class RunOptimizer:
    """The optimizer of run `index` of a pack: its own instance, whatever the others have."""

    def __init__(
        self, config: RunConfig, stack: LoraStack, gradients: Tensor, index: int, steps: int
    ) -> None:
        self._config = config
        self.limit = config.max_grad_norm  # 0: none
        self._done = 0
        self._steps = steps
        row = find(config.optimizer)
        assert row is not None  # `support` has seen to it
        self._is_free = row.is_free
        self._weights = weights_of(stack, config, gradients, index, is_flat=row.is_flat)
        self.optimizer = self._make(row)
        self.scheduler = self._make_schedule()
        if self._is_free:
            self.optimizer.train()

    @property
    def learning_rate(self) -> float:
        """The rate of the part that comes last: the UNet's, where it is trained; times the optimizer's own estimate."""
        group = self.optimizer.param_groups[-1]
        if group["lr"] is None:  # Adafactor finds it at each step
            return float(getattr(self.scheduler, "get_lr", lambda: [0.0])()[0]) if self._done else 0.0
        return float(group["lr"]) * float(group.get("d", 1.0))

    def stand_at(self, steps: int) -> None:
        """The learning rates as they are after so many steps, for an optimizer that begins there."""
        self.scheduler = schedules.replay(self._make_schedule, steps)
        self._done = steps

    @property
    def is_flat(self) -> bool:
        """The optimizer's parameters are the pack's buffer itself."""
        return isinstance(self._weights, FlatWeights)

    def begin(self) -> None:
        """Before a step of the optimizer."""
        self._weights.take_gradients()

    def end(self) -> None:
        """After it."""
        self.optimizer._opt_called = True  # else torch takes a step that several took together for none  # noqa: SLF001
        self.scheduler.step()
        self._weights.give_back()
        self._done += 1

    def take_over(self) -> None:
        """What was changed in the pack's buffer."""
        self._weights.read()

    def to_be_saved(self, is_so: bool) -> None:
        """Puts the weights that are to be kept into the buffer, or those that are trained on again."""
        if self._is_free:
            (self.optimizer.eval if is_so else self.optimizer.train)()
            self._weights.give_back()

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's numbers, on the CPU, without what pads a rank."""
        found = {}
        for index, parameter in enumerate(self._parameters()):
            for name, value in self.optimizer.state[parameter].items():
                several = value if _is_of_tensors(value) else [value]
                for number, one in enumerate(several):
                    if isinstance(one, Tensor):
                        kept = self._weights.cut(parameter, one).detach().to("cpu", copy=True)
                        found[f"{index}.{name}.{number}"] = kept.contiguous()
        return found

    @property
    def schedule(self) -> dict[str, Any]:
        """Where the learning rates and the optimizer's single numbers stand, as JSON holds it."""
        groups = [
            {name: _plain(value) for name, value in group.items() if name != "params" and _is_plain(value)}
            for group in self.optimizer.param_groups
        ]
        states = [
            {
                name: {SEVERAL: [None if isinstance(one, Tensor) else _plain(one) for one in value]}
                if _is_of_tensors(value)
                else _plain(value)
                for name, value in self.optimizer.state[parameter].items()
                if _is_of_tensors(value) or (_is_plain(value) and not isinstance(value, Tensor))
            }
            for parameter in self._parameters()
        ]
        return {"done": self._done, "groups": groups, "states": states, "scheduler": self._schedule_state()}

    def restore(self, tensors: Mapping[str, Tensor], schedule: Mapping[str, Any]) -> None:
        """The counterpart of `tensors` and `schedule`; the factors are in the pack's buffer already."""
        self._weights.read()
        parameters = self._parameters()
        for parameter, values in zip(parameters, schedule["states"], strict=True):
            empty = {n: list(v[SEVERAL]) if isinstance(v, dict) else v for n, v in values.items()}
            self.optimizer.state[parameter].update(empty)
        for name, value in tensors.items():
            index, _, rest = name.partition(".")
            key, _, number = rest.rpartition(".")
            parameter = parameters[int(index)]
            state, full = (
                self.optimizer.state[parameter],
                self._weights.widen(parameter, value.to(parameter.device)),
            )
            if isinstance(state.get(key), list):
                state[key][int(number)] = full
            else:
                state[key] = full
        self._done = schedule["done"]
        if schedule["scheduler"] is None:
            self.scheduler = schedules.replay(self._make_schedule, self._done)
        elif schedule["scheduler"]:
            self.scheduler.load_state_dict(dict(schedule["scheduler"]))
        for group, values in zip(self.optimizer.param_groups, schedule["groups"], strict=True):
            group.update({name: _like(group.get(name), value) for name, value in values.items()})

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for _, parameters in self._weights.groups for parameter in parameters]

    def _make(self, row: Optimizer) -> Any:
        config = self._config
        options = row.options(config.optimizer_args)
        groups = [{"params": parameters, "lr": rate} for rate, parameters in self._weights.groups]
        rate: float | None = config.learning_rate
        try:
            kind = row.load()
            if options.get("warmup_init"):
                options["relative_step"] = True  # as sd-scripts sees to
            if options.get("relative_step"):  # Adafactor finds its rate, and refuses another
                rate, groups = None, [{"params": group["params"]} for group in groups]
            return kind(groups, lr=rate, **options)
        except (TypeError, ValueError, AssertionError, ImportError, AttributeError) as error:
            raise UsageError(
                f"{config.output_name}: {config.optimizer} refuses its learning rate or optimizer_args ({error})"
            ) from error

    def _make_schedule(self) -> Any:
        if self._is_free:
            return schedules.NoSchedule()
        if self.optimizer.param_groups[0].get("relative_step"):
            from transformers.optimization import AdafactorSchedule

            return AdafactorSchedule(self.optimizer, self._config.learning_rate)
        return schedules.make(self._config, self.optimizer, self._steps)

    def _schedule_state(self) -> dict[str, Any] | None:
        """None where it is no plain text; then it is made anew and stepped as often."""
        if isinstance(self.scheduler, schedules.NoSchedule):
            return {}
        state = dict(self.scheduler.state_dict())
        try:
            is_plain = json.loads(json.dumps(state, allow_nan=False)) == state
        except (TypeError, ValueError):
            is_plain = False
        return state if is_plain else None


def _is_of_tensors(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(one, Tensor) for one in value)


def _is_plain(value: Any) -> bool:
    """What JSON holds and gives back; a single number may be a tensor or NumPy's."""
    if isinstance(value, Tensor):
        return value.numel() == 1
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str)) or hasattr(value, "item")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _like(old: Any, value: Any) -> Any:
    if isinstance(old, Tensor):
        return torch.full_like(old, value)
    return tuple(value) if isinstance(old, tuple) and isinstance(value, list) else value
