"""The files that a run keeps are those that the plan names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_tools.arguments.checkpoints import checkpoint_names
from train_tools.engines.packed.config import from_arguments
from train_tools.engines.packed.life.saving import after_epoch, after_step, at_end


@pytest.mark.parametrize(
    "given",
    [
        {}, {"save_every_n_epochs": 1}, {"save_every_n_epochs": 2}, {"save_n_epoch_ratio": 3},
        {"save_every_n_epochs": 1, "save_last_n_epochs": 2}, {"save_every_n_steps": 7},
        {"save_every_n_steps": 5, "save_last_n_steps": 12}, {"save_every_n_steps": 10, "save_last_n_steps": 3},
        {"save_every_n_epochs": 3, "save_every_n_steps": 9, "save_last_n_epochs": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_kept(given: dict[str, Any]) -> None:
    epochs, steps_each = 7, 6
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": epochs,
        "output_name": "x", **given,
    }  # fmt: skip
    config = from_arguments(Path("run"), arguments)
    kept: dict[str, None] = {}
    step = 0
    for epoch in range(1, epochs + 1):
        for _ in range(steps_each):
            step += 1
            written = [after_step(config, step)]
            if step == epoch * steps_each:
                written.append(after_epoch(config, epoch) if epoch < epochs else at_end(config))
            for due in written:
                if due.file:
                    kept[due.file] = None
                kept.pop(due.instead_of, None)
    assert set(kept) == set(checkpoint_names(arguments, steps_each * epochs))
