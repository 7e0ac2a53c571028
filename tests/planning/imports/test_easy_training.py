from __future__ import annotations

from pathlib import Path

import pytest
from planning.imports.files import as_json, can_be_planned, reasons, some_of, text

from train_tools.errors import UsageError

SDXL = """
[[subsets]]
image_dir = "/data/sketches"
name = "sketches"
num_repeats = 3
caption_extension = ".txt"
shuffle_caption = true
keep_tokens = 2
[train_mode]
train_mode = "lora"
[general_args.args]
pretrained_model_name_or_path = "/m/ill.safetensors"
sdxl = true
mixed_precision = "bf16"
max_train_epochs = 12
max_token_length = 225
[general_args.dataset_args]
resolution = [832, 1216]
batch_size = 4
[network_args.args]
network_dim = 20
network_alpha = 10.0
[network_args.args.network_args]
algo = "lokr"
factor = 8
preset = ""
[optimizer_args.args]
optimizer_type = "Came"
learning_rate = 2e-4
lr_scheduler = "cosine"
warmup_ratio = 0.1
min_snr_gamma = 8
[optimizer_args.args.optimizer_args]
weight_decay = "0.04"
betas = "0.9,0.999,0.9999"
[saving_args.args]
save_precision = "fp16"
output_dir = "/out"
tag_occurrence = true
[bucket_args.dataset_args]
enable_bucket = true
max_bucket_reso = 1536
[extra_args.args]
debiased_estimation_loss = "True"
"""


def test_its_toml_of_argument_tables(tmp_path: Path) -> None:
    imported = text(tmp_path, "sketches.toml", SDXL)
    expected = {
        "max_train_epochs": 12, "train_batch_size": 4, "resolution": "832,1216", "enable_bucket": True,
        "max_bucket_reso": 1536, "network_module": "lycoris.kohya", "network_dim": 20, "network_alpha": 10.0,
        "network_args": ["algo=lokr", "factor=8"], "optimizer_type": "pytorch_optimizer.CAME", "learning_rate": 2e-4,
        "optimizer_args": ["weight_decay=0.04", "betas=0.9,0.999,0.9999"], "lr_warmup_steps": 0.1,
        "min_snr_gamma": 8.0, "shuffle_caption": True, "keep_tokens": 2, "caption_extension": ".txt",
        "debiased_estimation_loss": True, "max_token_length": 225, "mixed_precision": "bf16",
    }  # fmt: skip
    assert (imported.source, imported.family) == ("LoRA_Easy_Training_Scripts settings", "sdxl")
    assert some_of(imported, expected) == expected
    assert imported.assumed == {}
    left = reasons(imported)
    assert "own files" in left["tag_occurrence"]
    assert "concept's folder" in left["num_repeats"]
    assert "own dataset" in left["image_dir"]
    assert can_be_planned(imported)


def test_for_flux_and_what_isnt_switched_on(tmp_path: Path) -> None:
    flux = SDXL.replace("sdxl = true\n", "").replace('algo = "lokr"\n', "").replace("factor = 8\n", "")
    flux = flux.replace("[bucket_args.dataset_args]\nenable_bucket = true\nmax_bucket_reso = 1536\n", "")
    flux += '[flux_args.args]\nguidance_scale = 1.0\nclip_l = "/c"\nsplit_qkv = true\n'
    flux = flux.replace('"Came"', '"AdamW"').replace(
        "min_snr_gamma = 8\n", 'lr_scheduler_type = "LoraEasyCustomOptimizer.X"\n'
    )
    imported = text(tmp_path, "flux.toml", flux)
    assert (imported.family, imported.settings["network_module"]) == ("flux", "networks.lora_flux")
    assert imported.settings["network_args"] == ["split_qkv=True"]
    # Its file is complete: no table of buckets means no buckets, and what is better for FLUX.1 wasn't set either.
    assert imported.assumed == {
        "enable_bucket": False, "timestep_sampling": "sigma", "discrete_flow_shift": 3.0,
        "model_prediction_type": "sigma_scaled", "network_train_unet_only": False, "cache_text_encoder_outputs": False,
    }  # fmt: skip
    assert "own package" in reasons(imported)["lr_scheduler_type"]
    with pytest.raises(UsageError, match="for textual_inversion"):
        text(tmp_path, "ti.toml", SDXL.replace('train_mode = "lora"', 'train_mode = "textual_inversion"'))


def test_its_forks_have_tables_for_other_families(tmp_path: Path) -> None:
    anima = SDXL.replace("sdxl = true\n", "").replace('algo = "lokr"\n', "").replace("factor = 8\n", "")
    anima += '[anima_args.args]\nqwen3 = "/q"\ntimestep_sampling = "sigmoid"\n'
    imported = text(tmp_path, "anima.toml", anima)
    assert (imported.family, imported.settings["network_module"]) == ("anima", "networks.lora_anima")
    assert imported.settings["qwen3"] == "/q"


def test_the_json_of_its_first_versions(tmp_path: Path) -> None:
    old = {
        "base_model": "/m/nai.ckpt", "img_folder": "/i", "output_folder": "/o", "net_dim": 32, "alpha": 16,
        "scheduler": "cosine_with_restarts", "cosine_restarts": 2, "learning_rate": 1e-4, "unet_only": False,
        "train_resolution": 512, "height_resolution": 768, "batch_size": 2, "num_epochs": 6, "max_steps": None,
        "test_seed": 23, "optimizer_type": "AdamW8bit", "optimizer_args": {"weight_decay": "0.1", "betas": "0.9,0.99"},
        "lyco": True, "network_args": {"conv_dim": 4, "algo": "loha"}, "network_module": "sd_scripts.networks.lora",
        "buckets": True, "warmup_lr_ratio": 0.05, "caption_extension": ".txt", "max_clip_token_length": 150,
        "save_json_folder": None, "tag_occurrence_txt_file": True,
    }  # fmt: skip
    imported = as_json(tmp_path, old)
    expected = {
        "network_dim": 32, "network_alpha": 16.0, "lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 2,
        "resolution": "512,768", "train_batch_size": 2, "max_train_epochs": 6, "seed": 23, "enable_bucket": True,
        "network_module": "lycoris.kohya", "network_args": ["conv_dim=4", "algo=loha"], "lr_warmup_steps": 0.05,
        "optimizer_args": ["weight_decay=0.1", "betas=0.9,0.99"], "max_token_length": 150, "min_snr_gamma": "none",
    }  # fmt: skip
    assert some_of(imported, expected) == expected
    assert imported.source == "LoRA_Easy_Training_Scripts settings"
