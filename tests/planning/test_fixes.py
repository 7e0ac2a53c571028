"""A fix takes away what it is for; where it can't be sure, there is none."""

from __future__ import annotations

from typing import Any

import pytest

from train_tools.planning.checks import CHECKS
from train_tools.planning.fixes import FIXES, Runs, fix_for


def runs(*arguments: dict[str, Any], steps: int = 1000) -> Runs:
    common = {"optimizer_type": "AdamW", "network_dim": 16, "network_alpha": 8.0, "train_batch_size": 1}
    return Runs([{**common, **one} for one in arguments], [steps] * len(arguments))


@pytest.mark.parametrize(
    ("identity", "arguments", "changes"),
    [
        ("alpha-above-dim", [{"network_dim": 8}, {"network_dim": 32}], {"network_alpha": "4"}),
        ("large-rank", [{"network_dim": 256}], {"network_dim": "64", "network_alpha": "32"}),
        ("large-rank", [{"network_dim": 256}, {"network_dim": 8}], {}),
        ("adaptive-learning-rate", [{"optimizer_type": "Prodigy"}], {"learning_rate": "1"}),
        (
            "adaptive-learning-rate",
            [{"optimizer_type": "Prodigy", "unet_lr": 1e-4}, {"optimizer_type": "Lion"}],
            {"overrides": "optimizer_type=Prodigy -> learning_rate=1 unet_lr=none"},
        ),
        (
            "adaptive-arguments",
            [{"optimizer_type": "DAdaptAdam", "optimizer_args": ["betas=0.9,0.99", "weight_decay=0.2"]}],
            {"optimizer_args": "decouple=True weight_decay=0.01 betas=0.9,0.99"},
        ),
        (
            "adafactor-rates",
            [{"optimizer_type": "Adafactor"}, {}],
            {"overrides": "optimizer_type=Adafactor -> optimizer_args=relative_step=False"},
        ),
        ("lion-learning-rate", [{"optimizer_type": "PagedLion8bit"}], {"learning_rate": "0.0001"}),
        ("family-flag", [{"v2": True}], {"v2": "", "model_type": ""}),
        ("noise-flag", [{}], {"v_parameterization": ""}),
        ("steps-ignored", [{"max_train_epochs": 10}], {"max_train_epochs": "none"}),
        (
            "rates-differ",
            [{"optimizer_type": "Prodigy", "unet_lr": 1.0, "text_encoder_lr": 0.5}],
            {"learning_rate": "1", "unet_lr": "none", "text_encoder_lr": "none"},
        ),
        ("rates-differ", [{"optimizer_type": "Prodigy", "network_args": ["loraplus_lr_ratio=4"]}], {}),
        ("no-such-finding", [{}], {}),
    ],
)
def test_what_a_fix_sets(identity: str, arguments: list[dict[str, Any]], changes: dict[str, str]) -> None:
    assert fix_for(identity, runs(*arguments)) == changes


def test_a_fix_adds_to_the_overrides_that_are_there() -> None:
    found = fix_for("lion-learning-rate", runs({"optimizer_type": "Lion"}, {}), "seed=1 -> network_dim=4; ")
    rule = "optimizer_type=Lion -> learning_rate=0.0001"
    assert found == {"overrides": f"seed=1 -> network_dim=4; {rule}"}


def test_epochs_for_enough_steps() -> None:
    assert fix_for("few-steps", runs({"max_train_epochs": 10}, steps=60)) == {"max_train_epochs": "167"}
    assert fix_for("few-steps", runs({"max_train_epochs": 10}, {"max_train_epochs": 20}, steps=60)) == {}


def test_every_fix_belongs_to_a_check() -> None:
    of_captions = {"captions-other-ending", "nothing-to-shuffle"}
    # What is said of the steps, or of the plan as a whole, is found beside the runs' own checks.
    assert set(FIXES) <= {check.id for check in CHECKS} | of_captions | {"steps-ignored", "not-packed"}
