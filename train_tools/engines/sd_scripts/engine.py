"""kohya-ss/sd-scripts as an engine: one run at a time, in an adapter process that starts its real script.

Loaded by every plan, so it imports nothing heavy.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_tools.arguments.config_file import faults
from train_tools.engines.sd_scripts.datasets import has_several_sizes
from train_tools.engines.sd_scripts.family import FAMILY, family_of
from train_tools.engines.sd_scripts.installed import lacking
from train_tools.environment.gpus import PER_RUN_VARIABLE
from train_tools.environment.sd_scripts_place import SD_SCRIPTS_VARIABLE, sd_scripts_folder
from train_tools.families.interface import Found
from train_tools.small_models import base_model_file

HOW_TO_GET_IT = (
    f"make it with `python -m train_tools env create --sd-scripts`, or name one in {SD_SCRIPTS_VARIABLE}"
)
ABSENT = "sd-scripts isn't installed"
# The plan counts the steps of the version's own images from the first one on; with these they would be others.
NOT_COUNTED: Mapping[str, str] = {
    "dataset_config": "the plan counts the version's own images",
    "in_json": "the plan counts the version's own images",
    "dataset_class": "the plan counts the version's own images",
    "initial_epoch": "Train Tools itself goes on from a saved state",
    "initial_step": "Train Tools itself goes on from a saved state",
    "skip_until_initial_step": "Train Tools itself goes on from a saved state",
    "resume": "Train Tools itself goes on from a saved state; to train on another LoRA, set network_weights",
}

SPLIT_AT_RANDOM = (
    "validation_split needs a validation_seed with sd-scripts, which else may train what it validates"
)
# Without them it scales no image, and ends at the first of another size.
NOT_SCALED = "several sizes need enable_bucket or cache_latents with sd-scripts, which else scales no image"


class SdScriptsEngine:
    name = "sd-scripts"
    can_let_go = False  # it trains one
    counts_steps = False  # its states are those of epochs

    @property
    def processes(self) -> int:
        return processes()

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        uncounted = [
            f"{name} can't be set here: {why}; leave it out"
            for name, why in NOT_COUNTED.items()
            if arguments.get(name)
        ]
        if arguments.get("validation_split") and arguments.get("validation_seed") is None:
            uncounted.append(SPLIT_AT_RANDOM)
        if has_several_sizes(arguments) and not (
            arguments.get("enable_bucket") or arguments.get("cache_latents")
        ):
            uncounted.append(NOT_SCALED)
        given, family = _without_ours(arguments), family_of(arguments)
        return [*_absent(), *uncounted, *lacking(given, family), *faults(given, family)]

    def unsupported_base(self, base: Found) -> list[str]:
        """It has a script for each family; what a script needs besides is asked with the arguments."""
        if base.files == (base_model_file(),):
            return ["the small model that ships is trained by packed alone; choose another base model"]
        needs = base.family.training if base.family else None
        if needs and base.variant and not needs.takes_variants:
            held = (
                f"the base model's folder holds only {base.variant} files, which sd-scripts doesn't look for"
            )
            return [f"{held}; rename them without .{base.variant}"]
        if needs and base.missing and needs.needs_own_vae:
            return ["the base model has no VAE of its own, which sd-scripts needs even where vae is given"]
        return []

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments.get("output_dir", id(arguments)))  # every run's own

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        return [sys.executable, "-m", "train_tools.engines.sd_scripts", *map(str, run_folders)]


def _without_ours(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != FAMILY}


def _absent() -> list[str]:
    return [] if sd_scripts_folder() is not None else [f"{ABSENT}; {HOW_TO_GET_IT}"]


def processes(environ: Mapping[str, str] = os.environ) -> int:
    """How many GPUs train one run: the program's setting gpus_per_run, which every process of ours is given."""
    return _count(environ.get(PER_RUN_VARIABLE, ""))


@functools.lru_cache
def _count(text: str) -> int:
    return max(1, int(text)) if text.strip().isdigit() else 1
