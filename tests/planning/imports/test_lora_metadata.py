from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.fake_engine import write_safetensors
from planning.imports.files import as_json, can_be_planned, reasons, some_of

from train_tools.errors import UsageError
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.lora_metadata import from_lora
from train_tools.planning.imports.read import import_settings

METADATA = {
    "ss_network_module": "networks.lora", "ss_network_dim": "8", "ss_network_alpha": "4.0",
    "ss_network_args": '{"conv_dim": "4"}',
    "ss_optimizer": "torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))",
    "ss_num_epochs": "6", "ss_batch_size_per_device": "2", "ss_resolution": "(512, 768)", "ss_learning_rate": "0.0001",
    "ss_min_snr_gamma": "None", "ss_clip_skip": "None", "ss_flip_aug": "True", "ss_enable_bucket": "False",
    "ss_seed": "7", "ss_lr_warmup_steps": "0.05", "ss_sd_model_name": "nai.safetensors",
    "ss_text_encoder_lr": "[5e-05]",
    "ss_base_model_version": "sd_v2_v", "ss_v2": "True", "ss_steps": "24", "ss_new_sd_model_hash": "x",
    "ss_debiased_estimation": "True", "ss_max_train_steps": "24", "ss_strange": "1", "sshs_model_hash": "y",
    "ss_mixed_precision": "no", "ss_keep_tokens": "0", "ss_max_bucket_reso": "None", "ss_session_id": "1",
}  # fmt: skip


def lora(tmp_path: Path, **metadata: str) -> Imported:
    file = tmp_path / "lora.safetensors"
    write_safetensors(file, {"lora_unet_x.lora_up.weight": (4, 4)}, {**METADATA, **metadata})
    return import_settings(file)


def test_train_again_like_this_lora(tmp_path: Path) -> None:
    imported = lora(tmp_path)
    assert imported.family == "sd2"
    assert imported.settings == {
        "v2": True, "v_parameterization": True, "train_batch_size": 2, "max_train_epochs": 6, "seed": 7,
        "learning_rate": 1e-4, "text_encoder_lr": 5e-5, "optimizer_type": "AdamW",
        "optimizer_args": ["weight_decay=0.1", "betas=(0.9,0.99)"], "lr_warmup_steps": 0.05,
        "network_module": "networks.lora", "network_dim": 8, "network_alpha": 4.0, "network_args": ["conv_dim=4"],
        "min_snr_gamma": "none", "debiased_estimation_loss": True, "resolution": "512,768", "enable_bucket": False,
        "flip_aug": True, "keep_tokens": 0, "mixed_precision": "no", "network_train_unet_only": True,
    }  # fmt: skip
    assert reasons(imported) == {
        "ss_strange": "it is no setting of sd-scripts",
        "ss_sd_model_name": "the file knows only its name; set pretrained_model_name_or_path to your copy of it",
    }
    assert can_be_planned(imported)


def test_a_lora_trained_from_a_dataset_config(tmp_path: Path) -> None:
    datasets = [
        {"resolution": [1024, 1024], "batch_size_per_device": 3, "enable_bucket": True, "max_bucket_reso": 2048,
         "subsets": [{"is_reg": True}, {"shuffle_caption": True, "keep_tokens": 1, "caption_prefix": None}]},
        {"resolution": [512, 512]},
    ]  # fmt: skip
    imported = lora(
        tmp_path, ss_datasets=json.dumps(datasets), ss_base_model_version="sdxl_base_v1-0", ss_resolution="",
        ss_v2="False", ss_optimizer="came.CAME",
    )  # fmt: skip
    assert imported.family == "sdxl"
    expected = {"resolution": "1024,1024", "train_batch_size": 3, "shuffle_caption": True, "keep_tokens": 1,
                "max_bucket_reso": 2048, "optimizer_type": "came.CAME"}  # fmt: skip
    assert {name: imported.settings.get(name) for name in expected} == expected
    assert "where it wasn't" in reasons(imported)["bucket_reso_steps"]
    assert "2 datasets" in [left.value for left in imported.left_out]


UNET, TEXT = "lora_unet_down_blocks_0.lora_down.weight", "lora_te_text_model.lora_down.weight"
NOOB = {
    "ss_network_module": "lycoris.kohya", "ss_network_dim": "16", "ss_base_model_version": "sdxl_base_v1-0",
    "ss_zero_terminal_snr": "True", "modelspec.prediction_type": "v", "ss_v2": "False",
    "ss_network_args": '{"algo": "lokr", "factor": 8, "bypass_mode": null}',
}  # fmt: skip


def test_what_sd_scripts_doesnt_write_is_told_by_the_tensors_and_the_prediction() -> None:
    imported = from_lora(NOOB, [UNET])
    expected = {
        "v_parameterization": True, "zero_terminal_snr": True, "network_train_unet_only": True,
        "network_args": ["algo=lokr", "factor=8"],
    }  # fmt: skip
    assert some_of(imported, expected) == expected
    assert imported.family == "sdxl"
    both = from_lora({**NOOB, "modelspec.prediction_type": "epsilon"}, [UNET, TEXT]).settings
    assert (both["v_parameterization"], both["network_train_unet_only"]) == (False, False)
    text_only = from_lora(NOOB, [TEXT]).settings
    assert text_only["network_train_text_encoder_only"] is True
    assert "network_train_unet_only" not in text_only
    flux = {"ss_network_module": "networks.lora_flux", "ss_base_model_version": "flux1"}
    # Our default for FLUX.1 leaves the text encoder as it is: that it was trained must be kept.
    assert from_lora(flux, ["lora_unet_double_blocks_0.alpha", "lora_te1_x.alpha"]).changes() == {
        "network_module": "networks.lora_flux", "network_train_unet_only": False,
        "network_train_text_encoder_only": None, "cache_text_encoder_outputs": False,
    }  # fmt: skip


def test_adafactor_keeps_its_learning_rate_in_the_schedule() -> None:
    given = {
        "ss_network_module": "networks.lora", "ss_learning_rate": "None", "ss_lr_scheduler": "adafactor:0.0003",
        "ss_optimizer": "transformers.optimization.Adafactor(relative_step=True,scale_parameter=True)",
    }  # fmt: skip
    expected = {"learning_rate": 3e-4, "lr_scheduler": "adafactor", "optimizer_type": "Adafactor"}
    assert some_of(from_lora(given), expected) == expected


def test_packed_loras_of_earlier_versions_say_false_for_numbers() -> None:
    given = {"ss_network_module": "networks.lora", "ss_keep_tokens": "False", "ss_min_bucket_reso": "False"}
    imported = from_lora(given)
    assert imported.settings == {"network_module": "networks.lora", "keep_tokens": 0}
    assert imported.left_out == ()


@pytest.mark.parametrize(
    ("metadata", "tensors", "words"),
    [
        ({"ss_network_module": "networks.lora_flux_2", "ss_base_model_version": "flux_2_klein_9b"}, [], r"for FLUX\.2"),
        ({"ss_network_module": "networks.lora_qwen_image", "ss_base_model_version": "qwen_image"}, [], "Qwen-Image"),
        ({"ss_network_module": "networks.lora", "ss_base_model_version": "hunyuan_video"}, [], "HunyuanVideo"),
        ({"ss_network_module": "networks.lora_zimage", "modelspec.architecture": "z-image/lora"}, [], "Z-Image"),
        ({"ss_network_module": "networks.lora"}, ["lora_unet_blocks_3_self_attn_q.alpha"], "for Wan"),
        ({"ss_network_module": "networks.lora", "ss_base_model_version": "newmodel_v9"}, [], "for newmodel_v9"),
        ({"software": '{"name": "ai-toolkit"}', "training_info": "{}"}, [UNET], "ai-toolkit made it"),
        ({"ot_branch": "master", "modelspec.architecture": "stable-diffusion-v1/lora"}, [UNET], "OneTrainer made it"),
        ({"format": "pt"}, ["unet.mid_block.to_q.lora_A.weight"], "diffusers or PEFT made it"),
        ({"lora_adapter_metadata": '{"transformer.r": 12}'}, ["transformer.x.lora_B.weight"], "its rank is 12"),
        ({}, [UNET], "metadata was taken out"),
        ({}, ["model.diffusion_model.out.0.weight"], "it is a base model"),
        ({}, ["encoder.weight"], "it is no LoRA"),
    ],
)  # fmt: skip
def test_loras_that_cant_be_trained_again_here(
    metadata: dict[str, str], tensors: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        from_lora(metadata, tensors)


def test_metadata_that_a_program_shows_as_json(tmp_path: Path) -> None:
    shown = {"ss_network_module": "networks.lora", "ss_network_dim": 8, "ss_network_args": {"conv_dim": "4"}}
    for data in (shown, {"__metadata__": shown}, {"metadata": shown}):
        imported = as_json(tmp_path, data)
        expected = {"network_dim": 8, "network_args": ["conv_dim=4"]}
        assert (imported.source, some_of(imported, expected)) == ("LoRA metadata", expected)


def test_a_lora_of_onetrainer_that_holds_its_configuration() -> None:
    configuration = {"training_method": "LORA", "model_type": "STABLE_DIFFUSION_15", "lora_rank": 8}
    imported = from_lora({"ot_branch": "master", "ot_config": json.dumps(configuration)}, [UNET])
    assert (imported.source, imported.settings["network_dim"]) == ("OneTrainer settings", 8)
