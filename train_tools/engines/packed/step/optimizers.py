"""The optimizers that the packed engine takes, each from its own package. One more is one more row.

As sd-scripts makes them (get_optimizer in library/train_util.py, 48d368fa). Imports no torch: planning asks often.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.arguments.argument import CLASS

ADAM = ("betas", "eps", "weight_decay", "amsgrad")


@dataclass(frozen=True)
class Optimizer:
    """`place` is module and class. `is_flat`: it treats each number by itself, or sums over all of them, so that all
    matrices of a part may be one; others see each matrix as sd-scripts' network has it. `words` are what
    optimizer_args may name, none: anything. `forced` are keyword arguments that it always gets, `usual` those that it
    gets where nothing else is said. `is_free`: it needs no schedule, and tells training weights from those to save.
    """

    place: str
    is_flat: bool = False
    words: tuple[str, ...] = ()
    forced: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    is_free: bool = False

    @property
    def package(self) -> str:
        return self.place.partition(".")[0]

    @property
    def module(self) -> str:
        return self.place.rpartition(".")[0]

    def load(self) -> Any:
        """The class. Raises ImportError or AttributeError where it isn't there."""
        return getattr(importlib.import_module(self.module), self.place.rpartition(".")[2])

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.usual, **given, **self.forced}


NESTEROV = {"nesterov": True}
MOMENTUM = {"momentum": 0.9}
EIGHT = "bitsandbytes.optim."
# By sd-scripts' names, in lower case.
TABLE: Mapping[str, Optimizer] = {
    "adamw": Optimizer("torch.optim.AdamW", True, ADAM, usual={"fused": True}),
    "lion": Optimizer(
        "lion_pytorch.Lion", True, ("betas", "weight_decay", "decoupled_weight_decay", "cautious_factor")
    ),
    "sgdnesterov": Optimizer(
        "torch.optim.SGD", True, ("momentum", "dampening", "weight_decay"), NESTEROV, MOMENTUM
    ),
    "adafactor": Optimizer("transformers.optimization.Adafactor", usual={"relative_step": True}),
    "adamw8bit": Optimizer(EIGHT + "AdamW8bit"),
    "pagedadamw8bit": Optimizer(EIGHT + "PagedAdamW8bit"),
    "pagedadamw": Optimizer(EIGHT + "PagedAdamW"),
    "pagedadamw32bit": Optimizer(EIGHT + "PagedAdamW32bit"),
    "lion8bit": Optimizer(EIGHT + "Lion8bit"),
    "pagedlion8bit": Optimizer(EIGHT + "PagedLion8bit"),
    "sgdnesterov8bit": Optimizer(EIGHT + "SGD8bit", forced=NESTEROV, usual=MOMENTUM),
    "prodigy": Optimizer("prodigyopt.Prodigy", True),
    "dadaptation": Optimizer("dadaptation.experimental.DAdaptAdamPreprint", True),
    "dadaptadampreprint": Optimizer("dadaptation.experimental.DAdaptAdamPreprint", True),
    "dadaptadagrad": Optimizer("dadaptation.DAdaptAdaGrad", True),
    "dadaptadam": Optimizer("dadaptation.DAdaptAdam", True),
    "dadaptadan": Optimizer("dadaptation.DAdaptAdan", True),
    "dadaptadanip": Optimizer("dadaptation.experimental.DAdaptAdanIP", True),
    "dadaptlion": Optimizer("dadaptation.DAdaptLion", True),
    "dadaptsgd": Optimizer("dadaptation.DAdaptSGD", True),
    "adamwschedulefree": Optimizer("schedulefree.AdamWScheduleFree", True, is_free=True),
    "radamschedulefree": Optimizer("schedulefree.RAdamScheduleFree", True, is_free=True),
    "sgdschedulefree": Optimizer("schedulefree.SGDScheduleFree", True, is_free=True),
}  # fmt: skip


def find(name: str) -> Optimizer | None:
    """By sd-scripts' name in any case, or by `module.Class`; None where it is neither."""
    known = TABLE.get((name or "AdamW").lower())
    if known is not None or not CLASS.fullmatch(name):
        return known
    return Optimizer(name, is_free=name.lower().endswith("schedulefree"))


def why_not(arguments: Mapping[str, Any]) -> list[str]:
    name = str(arguments.get("optimizer_type") or "AdamW")
    found = find(name)
    if found is None:
        return [f"optimizer_type = {name!r} is not known to the packed engine"]
    if not _is_there(found.package):
        return [
            f"optimizer_type {name} needs the Python package {found.package}, which isn't in the environment"
        ]
    words = [str(item).split("=")[0].strip() for item in arguments.get("optimizer_args") or []]
    return [
        f"optimizer_args {word} is not known for {name}"
        for word in words
        if found.words and word not in found.words
    ]


@functools.cache
def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
