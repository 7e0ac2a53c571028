"""Each run's own optimizer and schedule, on its own slice of the shared buffers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from train_tools.errors import UsageError
from train_tools.lora.stack import Delta, LoraStack

from . import schedules
from .config import RunConfig
from .optimizers import Optimizer, find

SEVERAL = "several"  # in a kept state: tensors and other values under one name


@dataclass(frozen=True)
class Part:
    """What has a learning rate of its own: a text encoder, or the UNet. `place` is where it lies in the buffer."""

    rate: float
    place: slice
    deltas: tuple[Delta, ...]


def parts_of(stack: LoraStack, config: RunConfig) -> list[Part]:
    """In the buffer's order, as that of sd-scripts' parameter groups: the text encoders, then the UNet."""
    found, start, encoder = [], 0, 0
    for _, group in groupby(stack.deltas, key=lambda delta: delta.target.name.split("_")[:2]):
        deltas = tuple(group)
        size = sum(delta.down[0].numel() + delta.up[0].numel() for delta in deltas)
        is_text = deltas[0].target.is_text
        rate = config.text_encoder_lr(encoder) if is_text else config.unet_lr
        encoder += is_text
        found.append(Part(rate, slice(start, start + size), deltas))
        start += size
    return found


class Weights(Protocol):
    """What one run learns, as the parameters of its optimizer: in groups, the text encoder's first."""

    @property
    def groups(self) -> Sequence[tuple[float, list[nn.Parameter]]]:
        """Learning rate and parameters of each part that is trained."""
        ...

    def take_gradients(self) -> None:
        """Before a step of the optimizer."""
        ...

    def give_back(self) -> None:
        """After the parameters were changed."""
        ...

    def cut(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """Of an optimizer's numbers those that are this run's, whatever pack it is in."""
        ...

    def widen(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        """The counterpart of `cut`."""
        ...


class FlatWeights:
    """All matrices of a part as one parameter, which is the pack's buffer itself; a rank's padding is zero."""

    def __init__(self, parts: Sequence[Part], stack: LoraStack, gradients: Tensor, index: int) -> None:
        self._index = index
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        self._deltas: dict[int, tuple[Delta, ...]] = {}
        for part in parts:
            parameter = nn.Parameter(stack.flat[index][part.place])
            parameter.grad = gradients[index][part.place]
            self.groups.append((part.rate, [parameter]))
            self._deltas[id(parameter)] = part.deltas

    def take_gradients(self) -> None:
        pass

    def give_back(self) -> None:
        pass

    def cut(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value[self._mask(parameter)] if value.shape == parameter.shape else value

    def widen(self, parameter: nn.Parameter, value: Tensor) -> Tensor:
        mask = self._mask(parameter)
        if value.shape != (int(mask.sum()),) or value.ndim != 1:
            return value
        full = torch.zeros_like(parameter.detach(), dtype=value.dtype)
        full[mask] = value.to(full)
        return full

    def _mask(self, parameter: nn.Parameter) -> Tensor:
        """Made when a state is kept or taken on; a GPU shouldn't hold it all the time."""
        return own_numbers(self._deltas[id(parameter)], self._index)


@dataclass
class _Matrix:
    parameter: nn.Parameter
    view: Tensor  # into the pack's buffer, and its gradient's
    gradient: Tensor


class MatrixWeights:
    """Each matrix as sd-scripts' network has it, for optimizers that look at rows, columns or blocks of one."""

    def __init__(self, parts: Sequence[Part], index: int) -> None:
        self._matrices: list[_Matrix] = []
        self.groups: list[tuple[float, list[nn.Parameter]]] = []
        for part in parts:
            made = [matrix for delta in part.deltas for matrix in _matrices(delta, index)]
            self._matrices += made
            self.groups.append((part.rate, [matrix.parameter for matrix in made]))

    @torch.no_grad()
    def take_gradients(self) -> None:
        for matrix in self._matrices:
            matrix.parameter.grad = matrix.gradient.reshape(matrix.parameter.shape).contiguous()

    @torch.no_grad()
    def give_back(self) -> None:
        for matrix in self._matrices:
            matrix.view.copy_(matrix.parameter.reshape(matrix.view.shape))

    @torch.no_grad()
    def read(self) -> None:
        """The buffer's numbers into the parameters, after the former were restored."""
        for matrix in self._matrices:
            matrix.parameter.copy_(matrix.view.reshape(matrix.parameter.shape))

    def cut(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value

    def widen(self, _parameter: nn.Parameter, value: Tensor) -> Tensor:
        return value


def _matrices(delta: Delta, index: int) -> list[_Matrix]:
    rank = delta.ranks[index]
    if not rank:
        return []
    assert delta.down.grad is not None
    assert delta.up.grad is not None
    layer = delta.target.layer
    is_kernel = isinstance(layer, nn.Conv2d)
    down_shape = (rank, *layer.weight.shape[1:]) if is_kernel else (rank, delta.down.shape[2])
    up_shape = (delta.up.shape[1], rank, 1, 1) if is_kernel else (delta.up.shape[1], rank)
    with torch.no_grad():
        down, up = delta.down[index, :rank], delta.up[index, :, :rank]
    return [
        _Matrix(nn.Parameter(view.reshape(shape).clone()), view, gradient)
        for view, gradient, shape in (
            (down, delta.down.grad[index, :rank], down_shape),
            (up, delta.up.grad[index, :, :rank], up_shape),
        )
    ]


def own_numbers(deltas: Sequence[Delta], index: int) -> Tensor:
    """(P,) of these layers: true where a number is a factor of this run, false where it pads its rank to the pack's."""
    masks = []
    for delta in deltas:
        down = torch.zeros(delta.down.shape[1:], dtype=torch.bool, device=delta.down.device)
        up = torch.zeros(delta.up.shape[1:], dtype=torch.bool, device=delta.up.device)
        down[: delta.ranks[index]] = True
        up[:, : delta.ranks[index]] = True
        masks += [down.flatten(), up.flatten()]
    return torch.cat(masks)


class RunOptimizer:
    """The optimizer of run `index` of a pack: its own instance, whatever the others have."""

    def __init__(
        self, config: RunConfig, stack: LoraStack, gradients: Tensor, index: int, steps: int
    ) -> None:
        self._config = config
        self._all_gradients = gradients[index]
        self._limit = config.max_grad_norm
        self._done = 0
        self._steps = steps
        row = find(config.optimizer)
        assert row is not None  # `support` has seen to it
        self._is_free = row.is_free
        parts = parts_of(stack, config)
        self._matrices = None if row.is_flat else MatrixWeights(parts, index)
        self._weights: Weights = self._matrices or FlatWeights(parts, stack, gradients, index)
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

    def step(self) -> None:
        if self._limit > 0:
            norm = torch.linalg.vector_norm(self._all_gradients)
            # The formula and its epsilon are torch.nn.utils.clip_grad_norm_'s.
            self._all_gradients.mul_((self._limit / (norm + 1e-6)).clamp(max=1.0))
        self._weights.take_gradients()
        self.optimizer.step()
        self.scheduler.step()
        self._weights.give_back()
        self._done += 1

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
        if self._matrices is not None:
            self._matrices.read()
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
