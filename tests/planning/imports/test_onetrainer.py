from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planning.imports.files import as_json, can_be_planned, reasons, some_of

from train_tools.errors import UsageError

PRESET: dict[str, Any] = {
    "base_model_name": "someone/some-xl", "batch_size": 3, "learning_rate": 2e-4, "training_method": "LORA",
    "model_type": "STABLE_DIFFUSION_XL_10_BASE", "resolution": "1024", "layer_filter_preset": "attn-mlp",
    "unet": {"weight_dtype": "FLOAT_16"}, "text_encoder": {"train": False}, "text_encoder_2": {"train": False},
}  # fmt: skip
SAVED: dict[str, Any] = {
    **PRESET, "__version": 11, "base_model_name": "/m/xl.safetensors", "epochs": 40, "lora_rank": 24,
    "lora_alpha": 12.0,
    "learning_rate_scheduler": "COSINE", "learning_rate_warmup_steps": 0.1, "train_dtype": "BFLOAT_16",
    "output_dtype": "FLOAT_16", "resolution": "768x1024,512", "loss_weight_fn": "MIN_SNR_GAMMA",
    "loss_weight_strength": 6.0, "offset_noise_weight": 0.03, "clip_grad_norm": 0.9, "save_every": 2,
    "save_every_unit": "EPOCH", "layer_filter_preset": "full", "ema": "GPU", "dropout_probability": 0.0,
    "text_encoder": {"train": True, "learning_rate": 3e-5}, "text_encoder_2": {"train": False, "learning_rate": None},
    "optimizer": {"optimizer": "PRODIGY", "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.01, "d_coef": 2.0,
                  "nesterov": False},
    "concepts": [
        {"enabled": False}, {"path": "/p", "image": {"enable_random_flip": True},
         "text": {"enable_tag_shuffling": True, "keep_tags_count": 2}},
    ],
}  # fmt: skip


def test_a_saved_configuration(tmp_path: Path) -> None:
    imported = as_json(tmp_path, SAVED)
    expected = {
        "pretrained_model_name_or_path": "/m/xl.safetensors", "train_batch_size": 3, "max_train_epochs": 40,
        "network_module": "networks.lora", "network_dim": 24, "network_alpha": 12.0, "lr_scheduler": "cosine",
        "lr_warmup_steps": 0.1, "mixed_precision": "bf16", "save_precision": "fp16", "resolution": "512,512+768,1024",
        "min_snr_gamma": 6.0, "noise_offset": 0.03, "max_grad_norm": 0.9, "save_every_n_epochs": 2,
        "text_encoder_lr": "3e-05 0.0", "optimizer_type": "Prodigy", "flip_aug": True, "shuffle_caption": True,
        "optimizer_args": ["betas=0.9,0.99", "weight_decay=0.01", "d_coef=2.0"], "keep_tokens": 2,
        "network_train_unet_only": None, "caption_extension": None,
    }  # fmt: skip
    assert (imported.source, imported.family, imported.program) == (
        "OneTrainer settings",
        "sdxl",
        "OneTrainer",
    )
    assert some_of(imported, expected) == expected
    left = reasons(imported)
    assert "moving average" in left["ema"]
    assert "an epoch is longer" in left["resolution"]
    assert can_be_planned(imported)


def test_a_preset_relies_on_onetrainers_own_defaults(tmp_path: Path) -> None:
    imported = as_json(tmp_path, PRESET)
    assert imported.assumed == {
        "network_dim": 16, "network_alpha": 1, "max_train_epochs": 100, "lr_scheduler": "constant_with_warmup",
        "lr_warmup_steps": 200, "optimizer_type": "AdamW", "min_snr_gamma": "none", "enable_bucket": True,
        "gradient_checkpointing": True,
    }  # fmt: skip
    assert imported.settings["network_train_unet_only"] is True
    assert imported.settings["learning_rate"] == 2e-4
    assert "Hugging Face" in reasons(imported)["base_model_name"]
    assert "network_args" in reasons(imported)["layer_filter_preset"]


def test_a_file_from_before_its_parts_had_tables(tmp_path: Path) -> None:
    old = {
        "training_method": "LORA", "model_type": "STABLE_DIFFUSION_21", "base_model_name": "/m/v2", "train_unet": True,
        "unet_learning_rate": 1e-4, "train_text_encoder": True, "text_encoder_learning_rate": 1e-5,
        "optimizer": "ADAMW_8BIT", "optimizer_weight_decay": 0.02, "min_snr_gamma": 5.0,
        "gradient_checkpointing": "OFF",
    }  # fmt: skip
    imported = as_json(tmp_path, old)
    expected = {
        "v2": True, "v_parameterization": True, "unet_lr": 1e-4, "text_encoder_lr": 1e-5, "min_snr_gamma": 5.0,
        "optimizer_type": "AdamW8bit", "optimizer_args": ["weight_decay=0.02"], "gradient_checkpointing": False,
    }  # fmt: skip
    assert some_of(imported, expected) == expected


def test_flux_and_other_networks(tmp_path: Path) -> None:
    flux = {"training_method": "LORA", "model_type": "FLUX_DEV_1", "timestep_distribution": "LOGIT_NORMAL",
            "dynamic_timestep_shifting": True, "transformer": {"train": True}, "text_encoder": {"train": False},
            "text_encoder_2": {"train": False}}  # fmt: skip
    expected = {
        "network_module": "networks.lora_flux",
        "timestep_sampling": "flux_shift",
        "network_train_unet_only": True,
    }
    assert some_of(as_json(tmp_path, flux), expected) == expected
    lokr = {
        **PRESET,
        "peft_type": "LOKR",
        "lokr_dim": 8,
        "lokr_decompose_factor": 4,
        "lokr_weight_decompose": True,
    }
    expected = {"network_module": "lycoris.kohya", "network_dim": 8,
                "network_args": ["algo=lokr", "dora_wd=True", "factor=4"]}  # fmt: skip
    assert some_of(as_json(tmp_path, lokr), expected) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training_method": "FINE_TUNE"}, "for FINE_TUNE, not for a LoRA"),
        ({"model_type": "Z_IMAGE"}, "for Z_IMAGE, which can't be trained here"),
    ],
)
def test_what_cant_be_trained_here_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        as_json(tmp_path, {**PRESET, **changes})
