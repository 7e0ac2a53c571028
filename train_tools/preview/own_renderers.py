"""What the renderers without a webui can draw, asked before anything is loaded; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from train_tools.families.interface import Found

from . import packed_support
from .base_facts import BaseFacts
from .renderer import HOST, NAMES, PACKED, SD_SCRIPTS
from .through_sd_scripts import support as sd_scripts_support
from .ways import Schedule

OWN = tuple(name for name in NAMES if name != HOST)
# By what they are called in front of a person.
SHOWN: Mapping[str, str] = {PACKED: "Train Tools", SD_SCRIPTS: "sd-scripts"}
# Arguments in which runs differ and on which no picture's making depends: thousands of runs are asked once.
NOT_ASKED = frozenset({
    "output_dir", "output_name", "training_comment", "logging_dir", "log_prefix", "train_data_dir", "reg_data_dir",
    "seed", "learning_rate", "unet_lr", "text_encoder_lr", "optimizer_type", "optimizer_args", "lr_scheduler",
    "lr_warmup_steps", "max_train_epochs", "max_train_steps", "save_every_n_epochs", "train_batch_size",
    "network_dim", "network_alpha", "min_snr_gamma", "max_grad_norm",
})  # fmt: skip


class WhyNot(Protocol):
    def __call__(
        self, found: Found, run_arguments: Mapping[str, Any], sampler: str, scheduler: str
    ) -> str: ...


WHY_NOT: Mapping[str, WhyNot] = {PACKED: packed_support.why_not, SD_SCRIPTS: sd_scripts_support.why_not}


@dataclass(frozen=True)
class Able:
    """The share of what is asked that a renderer can draw, from 0 to 1, and in a sentence why not the rest."""

    share: float
    why_not: str = ""


def able(
    name: str,
    base_model: Path,
    facts: BaseFacts,
    runs: Sequence[Mapping[str, Any]],
    schedules: Sequence[Schedule],
) -> Able:
    """For LoRAs of runs with these arguments; none stands for the base model alone."""
    if not base_model.exists():
        return Able(
            0, f"the base model {base_model} is missing; choose a checkpoint file or a diffusers folder"
        )
    if (fault := facts.found.fault) is not None:
        return Able(0, f"it is {fault.what}; {fault.instead}")
    asked = {repr(kept): kept for kept in map(asked_about, runs)} or {"": {}}
    said = [WHY_NOT[name](facts.found, one, *schedule) for one in asked.values() for schedule in schedules]
    lacking = dict.fromkeys(text for text in said if text)
    return Able(sum(not text for text in said) / len(said), "; ".join(lacking))


def asked_about(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run's arguments may matter, in the order of their names."""
    return {name: value for name, value in sorted(arguments.items()) if name not in NOT_ASKED}
