"""What a check of the plan looks at, and how one is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.families.interface import Found
from train_tools.planning.findings import Severity
from train_tools.planning.images import Dataset

SD_SCRIPTS = "sd-scripts"


@dataclass(frozen=True)
class Facts:
    """`values` are a run's complete arguments, `steps` all its optimizer steps."""

    values: Mapping[str, Any]
    steps: int
    dataset: Dataset
    base: Found

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def optimizer(self) -> str:
        return str(self["optimizer_type"] or "").lower()

    @property
    def is_adaptive(self) -> bool:
        """Optimizers that find their own step size: D-Adaptation and Prodigy."""
        return self.optimizer.startswith(("dadapt", "prodigy"))

    @property
    def rates(self) -> list[float]:
        """The learning rates of the parts that are trained."""
        text = self["text_encoder_lr"]
        several = text if isinstance(text, (list, tuple)) else [text]
        given = [self["learning_rate"], self["unet_lr"], *several]
        return [float(rate) for rate in given if rate is not None]

    def trains(self, algorithm: str) -> bool:
        """Whether the network is this one of LyCORIS."""
        words = self["network_args"] or ()
        return f"algo={algorithm}" in [str(word).replace(" ", "") for word in words]

    def optimizer_arguments(self) -> dict[str, str]:
        words = self["optimizer_args"] or ()
        return {name: value for name, _, value in (str(word).partition("=") for word in words)}


@dataclass(frozen=True)
class Said:
    """A sentence with a fix of its own, where that depends on what is wrong."""

    sentence: str
    fix: str


Look = Callable[[Facts], "str | Said | list[Said] | None"]


@dataclass(frozen=True)
class Check:
    id: str
    severity: Severity
    fix: str
    source: str
    look: Look

    def said(self, facts: Facts) -> list[Said]:
        """All that it has to say."""
        found = self.look(facts)
        if not found:
            return []  # nearly always, and this is asked a hundred thousand times
        several = found if isinstance(found, list) else [found]
        return [one if isinstance(one, Said) else Said(one, self.fix) for one in several if one]


CHECKS: list[Check] = []


def check(identity: str, fix: str, source: str, severity: Severity = "warning") -> Callable[[Look], Look]:
    def keep(look: Look) -> Look:
        CHECKS.append(Check(identity, severity, fix, source, look))
        return look

    return keep
