"""How learning rates change over the steps: transformers' and diffusers' own functions, as sd-scripts calls them.

get_scheduler_fix in library/train_util.py (48d368fa). Imports no torch before one is made: planning asks often.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from train_tools.arguments.argument import CLASS
from train_tools.errors import UsageError

if TYPE_CHECKING:
    from train_tools.engines.packed.config import RunConfig

NAMES = (
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant",
)  # fmt: skip
WITHOUT_WARMUP = ("constant",)


def why_not(arguments: Mapping[str, Any]) -> list[str]:
    name = str(arguments.get("lr_scheduler") or "constant")
    own = str(arguments.get("lr_scheduler_type") or "")
    if own and not (own.isidentifier() or CLASS.fullmatch(own)):
        return [f"lr_scheduler_type = {own!r} is no class"]
    if not own and name.partition(":")[0] not in (*NAMES, "adafactor"):
        return [f"lr_scheduler = {name!r} is not known to the packed engine"]
    return []


class NoSchedule:
    """Of an optimizer that needs none."""

    def step(self) -> None:
        pass


def make(config: RunConfig, optimizer: Any, steps: int) -> Any:
    """A scheduler of torch's kind; `steps` are those of the whole training. Raises UsageError where it can't be."""
    warmup, decay = _count(config.lr_warmup_steps, steps), _count(config.lr_decay_steps, steps)
    try:
        if config.lr_scheduler_type:
            return _of_class(config, optimizer, warmup)
        return _named(config, optimizer, steps, warmup, decay)
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"{config.output_name}: lr_scheduler can't be made ({error})") from error


def replay(make_it: Callable[[], Any], done: int) -> Any:
    """A schedule that stands after `done` steps, for one whose state is no plain text."""
    made = make_it()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no optimizer stepped beside it
        for _ in range(done):
            made.step()
    return made


def _count(given: float, steps: int) -> int:
    return int(given * steps) if 0 < given < 1 else int(given)


def _of_class(config: RunConfig, optimizer: Any, warmup: int) -> Any:
    place = config.lr_scheduler_type
    module = place.rpartition(".")[0] or "torch.optim.lr_scheduler"
    kind = getattr(importlib.import_module(module), place.rpartition(".")[2])
    _refuse_warmup(place, warmup)
    return kind(optimizer, **config.lr_scheduler_args)


def _refuse_warmup(name: str, warmup: int) -> None:
    if warmup:
        raise ValueError(f"{name} knows no lr_warmup_steps; choose constant_with_warmup")


def _named(config: RunConfig, optimizer: Any, steps: int, warmup: int, decay: int) -> Any:
    from diffusers.optimization import get_piecewise_constant_schedule
    from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION, AdafactorSchedule, SchedulerType

    name, more = config.lr_scheduler, dict(config.lr_scheduler_args)
    if name.startswith("adafactor"):
        _refuse_warmup(name, warmup)
        rate = name.partition(":")[2]
        return AdafactorSchedule(optimizer, float(rate) if rate else config.learning_rate)
    if name == "piecewise_constant":
        return get_piecewise_constant_schedule(optimizer, **more)
    function = TYPE_TO_SCHEDULER_FUNCTION[SchedulerType(name)]
    if name in WITHOUT_WARMUP:
        _refuse_warmup(name, warmup)
        return function(optimizer, **more)
    cycles, least = config.lr_scheduler_num_cycles, config.lr_scheduler_min_lr_ratio
    own: dict[str, dict[str, Any]] = {
        "constant_with_warmup": {},
        "inverse_sqrt": {"timescale": config.lr_scheduler_timescale},
        "cosine_with_restarts": {"num_training_steps": steps, "num_cycles": cycles},
        "polynomial": {"num_training_steps": steps, "power": config.lr_scheduler_power},
        "cosine_with_min_lr": {"num_training_steps": steps, "num_cycles": cycles / 2, "min_lr_rate": least},
        "warmup_stable_decay": {
            "num_stable_steps": steps - warmup - decay, "num_decay_steps": decay, "num_cycles": cycles / 2,
            "min_lr_ratio": least or 0.0,
        },
    }  # fmt: skip
    arguments = own.get(name, {"num_training_steps": steps})
    return function(optimizer, num_warmup_steps=warmup, **arguments, **more)
