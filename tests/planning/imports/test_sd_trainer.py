from __future__ import annotations

from pathlib import Path

import pytest
from planning.imports.files import as_json, can_be_planned, reasons, text

from train_tools.errors import UsageError
from train_tools.workspace import toml

SD_TRAINER = """
model_train_type = "sd-lora"
pretrained_model_name_or_path = "./sd-models/model.safetensors"
train_data_dir = "./train/aki"
resolution = "512,512"
max_train_epochs = 10
learning_rate = "1e-4"
text_encoder_lr = "1e-5"
lr_scheduler = "cosine_with_restarts"
optimizer_type = "Prodigy"
prodigy_d_coef = "2.0"
optimizer_args_custom = ["decouple=True"]
network_module = "lycoris.kohya"
lycoris_algo = "lokr"
lokr_factor = 8
conv_dim = 4
dropout = 0
network_args_custom = ["dora_wd=True"]
max_token_length = 255
shuffle_caption = false
enable_bucket = true
enable_preview = true
positive_prompts = "1girl"
sample_every_n_epochs = 2
enable_base_weight = true
base_weights = '''a.safetensors
b.safetensors'''
base_weights_multiplier = "1\\n0.5"
ui_custom_params = "seed = 7\\nnetwork_dim = 12"
seed = 1337
gpu_ids = ["0"]
"""


def test_sd_trainer_settings(tmp_path: Path) -> None:
    imported = text(tmp_path, "autosave.toml", SD_TRAINER)
    expected = {
        "learning_rate": 1e-4, "text_encoder_lr": 1e-5, "optimizer_type": "Prodigy",
        "optimizer_args": ["decouple=True", "d_coef=2.0"], "seed": 7, "network_dim": 12,
        "network_args": ["dora_wd=True", "conv_dim=4", "algo=lokr", "factor=8"], "shuffle_caption": False,
        "base_weights": ["a.safetensors", "b.safetensors"], "base_weights_multiplier": ["1.0", "0.5"],
        "max_train_epochs": 10, "min_snr_gamma": "none", "caption_extension": None, "mixed_precision": None,
    }  # fmt: skip
    found = {name: imported.settings.get(name) for name in expected}
    assert {**found, "network_args": sorted(found["network_args"])} == {
        **expected, "network_args": sorted(expected["network_args"]),
    }  # fmt: skip
    assert imported.family == "sd1"
    assert "150 and 225" in reasons(imported)["max_token_length"]
    assert {"positive_prompts", "train_data_dir"} <= set(reasons(imported))
    assert can_be_planned(imported)


def test_an_sd_trainer_preset_says_only_what_differs(tmp_path: Path) -> None:
    preset = '[metadata]\nname = "x"\ntrain_type = "flux-lora"\n[data]\nmodel_type = "chroma"\nguidance_scale = 0.0\n'
    imported = text(tmp_path, "chroma.toml", preset)
    assert imported.settings == {"model_type": "chroma", "guidance_scale": 0.0}
    assert imported.family == "chroma"
    sections = "[network]\nnetwork_dim = 32\nnetwork_args = []\n[optimizer]\nlr_restart_cycles = 2\n"
    old = text(tmp_path, "old.toml", sections)
    assert old.settings["lr_scheduler_num_cycles"] == 2
    assert old.settings["network_dim"] == 32
    assert old.source == "SD-Trainer settings"


def test_sd_trainer_as_json_and_what_trains_no_lora(tmp_path: Path) -> None:
    data = toml.loads(SD_TRAINER)
    assert as_json(tmp_path, data).settings == text(tmp_path, "same.toml", SD_TRAINER).settings
    with pytest.raises(UsageError, match="sd-dreambooth, not for a LoRA"):
        as_json(tmp_path, {**data, "model_train_type": "sd-dreambooth"})
