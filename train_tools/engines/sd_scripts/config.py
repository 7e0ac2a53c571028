"""A run's arguments as sd-scripts is given them: with places of ours, and what makes its output readable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.sizes import largest_of, sizes_text
from train_tools.engines.sd_scripts.caches import Cache
from train_tools.engines.sd_scripts.datasets import has_several_sizes
from train_tools.engines.sd_scripts.family import FAMILY

FEW_CORES = 4
WRITTEN_BESIDE_IMAGES = ("cache_latents", "cache_text_encoder_outputs", "cache_info")


@dataclass(frozen=True)
class Places:
    """Where one process of a run reads and writes; `tokenizers` is None where sd-scripts looks for its own.

    `state` is what it goes on from, `datasets` where its dataset_config lies if it has one.
    """

    output: Path
    logs: Path | None
    log_prefix: str = ""
    cache: Cache | None = None
    tokenizers: Path | None = None
    state: Path | None = None
    datasets: Path | None = None


def needs_cache(arguments: Mapping[str, Any]) -> bool:
    return any(arguments.get(name) for name in WRITTEN_BESIDE_IMAGES)


def staged(arguments: Mapping[str, Any], places: Places, cores: int | None = None) -> dict[str, Any]:
    """What run.toml says, as sd-scripts is to do it here."""
    return {
        **{name: value for name, value in arguments.items() if name != FAMILY},
        "output_dir": str(places.output),
        "console_log_simple": True,  # whole lines
        "console_log_level": None,
        "console_log_file": None,
        **_readers(arguments, cores or os.cpu_count() or 1),
        **_logs(arguments, places),
        **_data(arguments, places),
        **_states(arguments, places),
    }


def _readers(arguments: Mapping[str, Any], cores: int) -> dict[str, Any]:
    # Eight processes are its default: on few cores they only cost time and memory.
    if "max_data_loader_n_workers" in arguments or cores > FEW_CORES:
        return {}
    return {"max_data_loader_n_workers": 0, "persistent_data_loader_workers": None}


def _logs(arguments: Mapping[str, Any], places: Places) -> dict[str, Any]:
    if places.logs is None:
        return {"logging_dir": None, "log_with": None}
    others = arguments.get("log_with") in ("wandb", "all")
    return {
        "logging_dir": str(places.logs),
        "log_with": "all" if others else "tensorboard",
        "log_prefix": places.log_prefix,
    }


def _data(arguments: Mapping[str, Any], places: Places) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if places.tokenizers is not None:
        found["tokenizer_cache_dir"] = str(places.tokenizers)
    if places.cache is not None:
        found["train_data_dir"] = str(places.cache.images())
        found["reg_data_dir"] = str(reg) if (reg := places.cache.reg()) else None
        for name in ("cache_latents", "cache_text_encoder_outputs"):
            if arguments.get(name):
                found[f"{name}_to_disk"] = True
    if has_several_sizes(arguments):
        # Its one size is what stands in the file's modelspec.
        largest = sizes_text([largest_of(arguments["resolution"])])
        found |= {
            "dataset_config": str(places.datasets), "resolution": largest, "train_data_dir": None,
            "reg_data_dir": None,
        }  # fmt: skip
    return found


def _states(arguments: Mapping[str, Any], places: Places) -> dict[str, Any]:
    found: dict[str, Any] = {"resume": str(places.state) if places.state else None}
    if not arguments.get("save_state"):
        # For ourselves, to go on after a pause or a crash; the newest is enough.
        found["save_state"] = True
        if arguments.get("save_every_n_epochs") or arguments.get("save_n_epoch_ratio"):
            found["save_last_n_epochs_state"] = 1
        if arguments.get("save_every_n_steps"):
            found["save_last_n_steps_state"] = 1
    return found


def for_filling(arguments: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """The same up to the first step, and nothing that would be written."""
    return {**staged(arguments, places), "save_state": None, "sample_at_first": None}
