"""Runs that were trained, back as settings: they plan exactly these runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from train_tools.errors import UsageError
from train_tools.planning.duplicate import settings_of
from train_tools.planning.plan import make_plan
from train_tools.small_models import base_model_file
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace

BASE = {"pretrained_model_name_or_path": str(base_model_file())}


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    folder = made.processed / "2_zorb"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "1.png")
    return made


def trained(version: Version, given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The runs of a plan as their run.toml holds them, by what decides their result."""
    runs = make_plan(version, given).runs
    return {run.digest: toml.loads(toml.dumps(run.arguments)) for run in runs}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"learning_rate": "1e-4, 3e-4", "network_dim": "4, 8", "optimizer_args": "weight_decay=0.1 betas=0.9,0.99"},
        {"optimizer_type": "Lion, AdamW", "learning_rate": "1e-4, 3e-4", "links": "optimizer_type+learning_rate"},
        {"preset": "style", "resolution": "64; 96,64; 64+96", "text_encoder_lr": "5e-5 1e-5, 3e-5",
         "caption_prefix": '"a, b"'},
        {"min_snr_gamma": "none, 5", "seeds": "2", "cache_latents": "false", "max_train_epochs": "3"},
    ],
    ids=str,
)  # fmt: skip
def test_a_plan_of_the_runs_is_these_runs(version: Version, given: dict[str, str]) -> None:
    runs = trained(version, {**BASE, **given})
    assert set(trained(version, settings_of(list(runs.values())))) == set(runs)


def test_a_whole_grid_is_multiplied_and_a_part_of_it_linked(version: Version) -> None:
    runs = list(trained(version, {**BASE, "learning_rate": "1e-4,3e-4", "network_dim": "4,8"}).values())
    whole = settings_of(runs[::-1])
    assert (whole["learning_rate"], whole["network_dim"], "links" in whole) == ("0.0001,0.0003", "4,8", False)
    part = settings_of(runs[:3])
    assert part["links"] == "learning_rate+network_dim"
    assert len(trained(version, part)) == 3


def test_fields_that_nobody_needs_stay_empty(version: Version) -> None:
    (run,) = trained(version, {**BASE, "network_dim": "4"}).values()
    assert settings_of([run]) == {**BASE, "network_dim": "4"}


def test_what_made_a_run_go_on_isnt_taken_over(version: Version) -> None:
    (run,) = trained(version, BASE).values()
    assert settings_of([{**run, "resume": "/x/state", "initial_epoch": 5}]) == BASE


def test_what_takes_one_value_cant_differ(version: Version) -> None:
    (run,) = trained(version, BASE).values()
    with pytest.raises(UsageError, match="differ in validate_every_n_epochs, which takes one value"):
        settings_of([run, {**run, "validate_every_n_epochs": 2}])
