"""Hashes over what a run's result depends on, by which a saved state is known to be its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.engines.packed import support
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.pictures import Item

FORMAT = 3  # of saved states: others aren't gone on from
# Files may move meanwhile.
PLACES = frozenset({
    "output_dir", "train_data_dir", "reg_data_dir", "conditioning_data_dir", "pretrained_model_name_or_path", "vae",
})  # fmt: skip
# What is measured and drawn on the way, and what costs time or memory alone.
WITHOUT_EFFECT = support.WITHOUT_EFFECT | {name for name, known in ARGUMENTS.items() if known.same_result}
# What another run than the one that kept a state may have otherwise.
OF_LENGTH = frozenset({
    "max_train_epochs", "max_train_steps", "initial_epoch", "initial_step", "resume", "network_weights", "output_name",
    "save_state_on_train_end", "save_state", "save_every_n_epochs", "save_every_n_steps", "save_n_epoch_ratio",
    "save_last_n_epochs", "save_last_n_steps", "training_comment",
})  # fmt: skip


def identity_of(config: RunConfig, items: list[Item], models: list[str]) -> str:
    """Over all that a run's result depends on, wherever its files lie."""
    images = [
        [
            i.folder,
            i.path.name,
            i.path.stat().st_size,
            i.caption,
            i.repeats,
            *i.bucket,
            *(["reg"] if i.is_reg else []),
            *([i.mask.name, i.mask.stat().st_size] if i.mask else []),
        ]
        for i in items
    ]
    # It may be read from another place later.
    left_out = PLACES | WITHOUT_EFFECT | {"resume", "network_weights"}
    return _hash([FORMAT, _arguments(config, left_out), images, *models])


def kin_of(config: RunConfig, models: list[str]) -> str:
    """Over what makes a kept state fit: it may be gone on from for longer, and on other images."""
    return _hash([FORMAT, _arguments(config, PLACES | WITHOUT_EFFECT | OF_LENGTH), *models])


def _arguments(config: RunConfig, left_out: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in config.arguments.items() if name not in left_out}


def _hash(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
