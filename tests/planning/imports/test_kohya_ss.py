from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planning.imports.files import as_json, can_be_planned, reasons, some_of

from train_tools.errors import UsageError
from train_tools.planning.imports.imported import Imported

KOHYA: dict[str, Any] = {
    "LoRA_type": "Standard", "pretrained_model_name_or_path": "/m/base.safetensors", "network_dim": 32,
    "network_alpha": 16, "epoch": 8, "max_train_epochs": "", "max_train_steps": 0, "learning_rate": 0.0005,
    "unet_lr": 0.0001, "text_encoder_lr": 5e-05, "optimizer": "AdamW8bit", "optimizer_args": "",
    "lr_scheduler": "cosine", "lr_warmup": 10, "lr_warmup_steps": 0, "lr_scheduler_power": "",
    "max_resolution": "768,512", "enable_bucket": True, "min_snr_gamma": 0, "noise_offset": 0.05,
    "noise_offset_type": "Original", "multires_noise_iterations": 6, "multires_noise_discount": 0.3,
    "cache_latents": False, "caption_extension": ".txt", "clip_skip": "2", "max_token_length": "225", "seed": "1234",
    "xformers": "sdpa", "mixed_precision": "fp16", "save_precision": "fp16", "save_every_n_epochs": 1,
    "train_batch_size": 2, "train_data_dir": "/d", "output_dir": "/o", "output_name": "n", "sdxl": False,
    "sdxl_no_half_vae": True, "num_cpu_threads_per_process": 2, "sample_prompts": "a cat", "vae": "", "flip_aug": False,
    "stop_text_encoder_training": 0, "additional_parameters": "", "max_data_loader_n_workers": "0",
    "wandb_api_key": "secret key", "not_a_key": 3,
}  # fmt: skip


def kohya(tmp_path: Path, **changes: Any) -> Imported:
    return as_json(tmp_path, {**KOHYA, **changes})


def test_kohya_ss_settings(tmp_path: Path) -> None:
    imported = kohya(tmp_path)
    assert imported.family == "sd1"
    expected = {
        "max_train_epochs": 8, "learning_rate": 5e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5,
        "optimizer_type": "AdamW8bit", "lr_warmup_steps": 0.1, "resolution": "768,512", "noise_offset": 0.05,
        "clip_skip": 2, "max_token_length": 225, "seed": 1234, "sdpa": True, "network_module": "networks.lora",
        "max_data_loader_n_workers": 0, "caption_extension": ".txt", "network_alpha": 16.0,
    }  # fmt: skip
    assert {name: imported.settings[name] for name in expected} == expected
    # To kohya_ss 0 and false mean sd-scripts' default, which isn't ours.
    assert imported.settings["min_snr_gamma"] == "none"
    assert imported.mapped["min_snr_gamma"] == "min_snr_gamma"
    assert imported.assumed == {}
    assert {"vae", "flip_aug", "xformers", "multires_noise_iterations"}.isdisjoint(imported.settings)
    assert imported.mapped["resolution"] == "max_resolution"
    left = reasons(imported)
    assert left["not_a_key"] == "sd-scripts has no such argument"
    assert "version's own dataset" in left["train_data_dir"]
    assert "another family" in left["sdxl_no_half_vae"]
    assert "Original" in left["multires_noise_iterations"]
    assert {"output_dir", "output_name", "sample_prompts", "num_cpu_threads_per_process"} <= set(left)
    assert can_be_planned(imported)
    assert imported.changes()["seed"] == 1234
    assert imported.changes()["caption_extension"] is None  # our default


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({"LoRA_type": "Kohya LoCon", "conv_dim": 8, "conv_alpha": 1, "rank_dropout": 0.1},
         {"network_module": "networks.lora", "network_args": ["conv_dim=8", "conv_alpha=1", "rank_dropout=0.1"]}),
        ({"LoRA_type": "LyCORIS/LoKr", "factor": -1, "use_tucker": True, "LyCORIS_preset": "attn-mlp"},
         {"network_module": "lycoris.kohya",
          "network_args": ["algo=lokr", "preset=attn-mlp", "use_tucker=True", "factor=-1"]}),
        ({"LoRA_type": "Standard", "down_lr_weight": "1, 0.5", "loraplus_lr_ratio": 4},
         {"network_args": ["down_lr_weight=1,0.5", "loraplus_lr_ratio=4"]}),
        ({"text_encoder_lr": 0}, {"network_train_unet_only": True}),
        ({"unet_lr": 0}, {"network_train_text_encoder_only": True}),
        ({"max_train_epochs": 3, "max_train_steps": 900}, {"max_train_epochs": 3}),
        ({"lr_warmup_steps": "50"}, {"lr_warmup_steps": 50}),
        ({"noise_offset_type": "Multires"}, {"multires_noise_iterations": 6, "multires_noise_discount": 0.3}),
        ({"optimizer": "Prodigy", "optimizer_args": 'weight_decay=0.01 "betas=0.9,0.99"'},
         {"optimizer_type": "Prodigy", "optimizer_args": ["weight_decay=0.01", "betas=0.9,0.99"]}),
        ({"additional_parameters": "--seed 7 --network_dim=4"}, {"seed": 7, "network_dim": 4}),
        ({"sdxl": True, "sdxl_cache_text_encoder_outputs": True, "text_encoder_lr": 0},
         {"no_half_vae": True, "cache_text_encoder_outputs": True, "network_train_unet_only": True}),
    ],
)  # fmt: skip
def test_kohya_ss_fields_that_mean_others(
    tmp_path: Path, changes: dict[str, Any], settings: dict[str, Any]
) -> None:
    imported = kohya(tmp_path, **changes)
    assert {name: imported.settings.get(name) for name in settings} == settings
    assert can_be_planned(imported)


def test_kohya_ss_for_other_families(tmp_path: Path) -> None:
    flux = kohya(
        tmp_path, LoRA_type="Flux1", flux1_checkbox=True, clip_l="/c", t5xxl="/t", ae="/a", guidance_scale=1,
        flux1_cache_text_encoder_outputs=True, text_encoder_lr=5e-5, t5xxl_lr=1e-5, split_qkv=True,
    )  # fmt: skip
    assert (flux.family, flux.settings["network_module"]) == ("flux", "networks.lora_flux")
    assert flux.settings["text_encoder_lr"] == "5e-05 1e-05"
    assert flux.settings["network_args"] == ["split_qkv=True"]
    assert flux.settings["cache_text_encoder_outputs"] is True
    assert kohya(tmp_path, flux1_checkbox=True, model_type="chroma", LoRA_type="Flux1").family == "chroma"
    anima = kohya(
        tmp_path, LoRA_type="Anima", anima_checkbox=True, anima_qwen3="/q", anima_vae="/v", vae="/other"
    )
    assert (anima.settings["qwen3"], anima.settings["vae"]) == ("/q", "/v")
    steps = kohya(tmp_path, max_train_steps=1000)
    assert "set max_train_epochs" in reasons(steps)["max_train_steps"]
    assert "max_train_epochs" not in steps.settings
    unknown = kohya(tmp_path, LoRA_type="New", additional_parameters="--no_such_thing 3")
    assert "isn't known" in reasons(unknown)["LoRA_type"]
    assert "--no_such_thing" in reasons(unknown)["additional_parameters"]


def test_kohya_ss_of_january_2023_had_no_alpha(tmp_path: Path) -> None:
    old = {
        "pretrained_model_name_or_path": "/m/old.ckpt", "v2": False, "v_parameterization": False, "logging_dir": "",
        "train_data_dir": "/d", "reg_data_dir": "", "output_dir": "/o", "max_resolution": "512,512",
        "learning_rate": "1e-4", "lr_scheduler": "cosine", "lr_warmup": "5", "train_batch_size": 2, "epoch": "4",
        "save_every_n_epochs": "1", "mixed_precision": "fp16", "save_precision": "fp16", "seed": "7",
        "num_cpu_threads_per_process": 2, "cache_latents": True, "caption_extension": "", "enable_bucket": "False",
        "use_8bit_adam": True, "xformers": True, "text_encoder_lr": "5e-5", "unet_lr": "1e-4", "network_dim": 64,
        "lora_network_weights": "", "clip_skip": 2, "no_token_padding": False, "stop_text_encoder_training": 0,
    }  # fmt: skip
    imported = as_json(tmp_path, old)
    expected = {
        "network_dim": 64, "network_alpha": 64.0, "optimizer_type": "AdamW8bit", "lr_warmup_steps": 0.05,
        "enable_bucket": False, "max_train_epochs": 4, "network_module": "networks.lora", "caption_extension": None,
        "xformers": True,
    }  # fmt: skip
    assert imported.source == "kohya_ss settings"
    assert some_of(imported, expected) == expected
    assert "no network_alpha yet" in reasons(imported)["network_alpha"]


def test_kohya_ss_booleans_may_be_texts(tmp_path: Path) -> None:
    imported = kohya(
        tmp_path, sdxl="False", flip_aug="True", xformers="true", enable_bucket=1, color_aug="false"
    )
    expected = {"flip_aug": True, "xformers": True, "enable_bucket": True, "color_aug": None}
    assert imported.family == "sd1"
    assert some_of(imported, expected) == expected
    assert kohya(tmp_path, sdxl="true").family == "sdxl"


@pytest.mark.parametrize("ending", ["", ".caption", ".none-use-foldername"])
def test_captions_of_a_version_are_txt_whatever_a_file_says(tmp_path: Path, ending: str) -> None:
    assert "caption_extension" not in kohya(tmp_path, caption_extension=ending).settings
    if ending:
        assert "always .txt" in reasons(kohya(tmp_path, caption_extension=ending))["caption_extension"]


def test_kohya_ss_args_as_people_write_them(tmp_path: Path) -> None:
    imported = kohya(tmp_path, optimizer_args="weight_decay=0.1, betas=(0.9, 0.99) eps, d_coef=2")
    assert imported.settings["optimizer_args"] == ["weight_decay=0.1", "betas=(0.9,0.99)", "d_coef=2"]
    assert [left.value for left in imported.left_out if left.key == "optimizer_args"] == ["eps"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"max_resolution": "512,512", "model_list": "custom", "learning_rate_te": 1e-5}, "a whole model"),
        (
            {"max_resolution": "512,512", "lr_warmup": 0, "token_string": "x", "init_word": "y"},
            "an embedding",
        ),
    ],
)
def test_the_other_tabs_of_kohya_ss_are_refused(tmp_path: Path, data: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        as_json(tmp_path, data)
