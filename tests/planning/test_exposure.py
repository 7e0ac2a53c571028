from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import make_version, settings

from train_tools.arguments.table import KNOWN, ROWS
from train_tools.errors import UsageError
from train_tools.planning.exposure import (
    ALLOWED,
    HARMLESS,
    NAMES,
    REFUSED,
    Folders,
    refuse_exposed,
    refuse_exposed_settings,
)
from train_tools.planning.plan import make_plan
from train_tools.small_models import base_model_file


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("outputs/a.safetensors", "outputs/b.ckpt", "models/c.ckpt", "elsewhere/d.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    if os.name != "nt":
        (tmp_path / "outputs" / "link.safetensors").symlink_to(tmp_path / "elsewhere" / "d.safetensors")
    return Folders(tmp_path / "outputs", (tmp_path / "models",))


def test_every_argument_with_free_text_is_judged() -> None:
    """A new row of the schema must be thought about here."""
    free = {
        row.name
        for row in (*ROWS, *KNOWN.values())
        if row.kind in ("str", "list") and not (row.choices or row.is_text or row.is_path or row.chosen_by_us)
    }
    judged = {*REFUSED, *ALLOWED, *NAMES, *HARMLESS}
    assert free - judged == set()
    assert judged <= {row.name for row in (*ROWS, *KNOWN.values())}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer_type", "os.system"),
        ("optimizer_type", "AdamW,pytorch_optimizer.CAME"),
        ("network_module", "evil.module"),
        ("network_module", "networks.lora,evil"),
        ("lr_scheduler_type", "evil.Scheduler"),
        ("network_args", "preset=/etc/passwd"),
        ("network_args", "preset=..\\x.toml"),
        ("caption_extension", "/../../secret.txt"),
        ("dataset_config", "{root}/a.toml"),
        ("resume", "{root}/state"),
        ("console_log_file", "{root}/x.log"),
        ("log_with", "wandb"),
        ("huggingface_repo_id", "me/mine"),
        ("save_state_to_huggingface", "true"),
        ("pretrained_model_name_or_path", "runwayml/stable-diffusion-v1-5"),
        ("pretrained_model_name_or_path", "{root}/../elsewhere/d.safetensors"),
        ("pretrained_model_name_or_path", "{root}/b.ckpt"),
        pytest.param(
            "pretrained_model_name_or_path",
            "{root}/link.safetensors",
            marks=pytest.mark.skipif(os.name == "nt", reason="links need a privilege"),
        ),
        ("pretrained_model_name_or_path", "{root}/a.safetensors,/etc/passwd"),
        ("vae", "{root}/../models/../elsewhere/d.safetensors"),
        ("base_weights", "{root}/a.safetensors /etc/passwd"),
        ("reg_data_dir", "/etc"),
        ("overrides", "network_dim=4 -> optimizer_type=evil.Optimizer"),
        ("overrides", "network_dim=4 -> network_alpha=1; network_dim=8 -> vae=/etc/passwd"),
    ],
)
def test_refused(folders: Folders, name: str, value: str) -> None:
    with pytest.raises(UsageError, match="isn't taken while the webui is open to others"):
        refuse_exposed({name: value.replace("{root}", str(folders.root))}, folders)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer_type", "AdamW,Lion"),
        ("optimizer_args", "weight_decay=0.1"),
        ("network_module", "networks.lora"),
        ("network_args", "conv_dim=4 algo=loha"),
        ("learning_rate", "1e-4,3e-4"),
        ("learning_rate", "nonsense"),
        ("caption_extension", ".txt"),
        ("pretrained_model_name_or_path", "{root}/a.safetensors,{root}/../models/c.ckpt"),
        ("vae", "none"),
        ("reg_data_dir", "{root}/reg"),
        ("save_state_to_huggingface", "false"),
        ("overrides", "optimizer_type=Lion -> learning_rate=1e-5"),
        ("no_such_argument", "/etc/passwd"),
    ],
)
def test_taken(folders: Folders, name: str, value: Any) -> None:
    refuse_exposed({name: value.replace("{root}", str(folders.root))}, folders)


def test_the_model_that_ships_is_taken(folders: Folders) -> None:
    refuse_exposed({"pretrained_model_name_or_path": str(base_model_file())}, folders)


def test_values_of_a_whole_run_are_taken_as_they_are(folders: Folders) -> None:
    refuse_exposed({"network_args": ["conv_dim=4"], "vae": None, "cache_latents": True}, folders)
    with pytest.raises(UsageError, match="Python code"):
        refuse_exposed({"optimizer_type": "a.B"}, folders)


def test_what_a_plan_makes_of_defaults_is_taken(tmp_path: Path) -> None:
    version = make_version(tmp_path)
    (run,) = make_plan(version, settings(tmp_path)).runs
    refuse_exposed(run.arguments, Folders(version.root))


def test_other_parts() -> None:
    with pytest.raises(UsageError, match="hold code"):
        refuse_exposed_settings("captioning", {"wd_model": "someone/tagger"})
    refuse_exposed_settings("captioning", {"captioner": "wd", "model": ""})
    refuse_exposed_settings("preview", {"prompts": "x"})
