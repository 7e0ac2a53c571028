from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import write_safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.arguments.config_file import check
from train_tools.arguments.families import FAMILIES
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import TrainToolsError, UsageError
from train_tools.planning.grid import make_grid
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.kohya_ss import from_kohya_ss
from train_tools.planning.imports.lora_metadata import from_metadata
from train_tools.planning.imports.read import import_settings
from train_tools.planning.imports.sd_scripts import from_config
from train_tools.planning.imports.sd_trainer import from_sd_trainer
from train_tools.workspace import toml

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
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**KOHYA, **changes}), encoding="utf-8")
    return import_settings(file)


def text(tmp_path: Path, name: str, content: str, family: str = "") -> Imported:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return import_settings(file, family)


def reasons(imported: Imported) -> dict[str, str]:
    return {left.key: left.reason for left in imported.left_out}


def can_be_planned(imported: Imported) -> bool:
    """Every setting is one value that the grid takes."""
    return not make_grid(imported.settings).axes


def test_kohya_ss_settings(tmp_path: Path) -> None:
    imported = kohya(tmp_path)
    assert imported.family == "sd"
    expected = {
        "max_train_epochs": 8, "learning_rate": 5e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5,
        "optimizer_type": "AdamW8bit", "lr_warmup_steps": 0.1, "resolution": "768,512", "noise_offset": 0.05,
        "clip_skip": 2, "max_token_length": 225, "seed": 1234, "sdpa": True, "network_module": "networks.lora",
        "max_data_loader_n_workers": 0, "caption_extension": ".txt", "network_alpha": 16.0,
    }  # fmt: skip
    assert {name: imported.settings[name] for name in expected} == expected
    # To kohya_ss 0 and false mean sd-scripts' default, which isn't ours.
    assert imported.assumed == {"min_snr_gamma": "none"}
    assert imported.settings["min_snr_gamma"] == "none"
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


SD_TRAINER_KEYS = sorted(toml.loads(SD_TRAINER))


def test_sd_trainer_settings(tmp_path: Path) -> None:
    imported = text(tmp_path, "autosave.toml", SD_TRAINER)
    expected = {
        "learning_rate": 1e-4, "text_encoder_lr": 1e-5, "optimizer_type": "Prodigy",
        "optimizer_args": ["decouple=True", "d_coef=2.0"], "seed": 7, "network_dim": 12,
        "network_args": ["dora_wd=True", "conv_dim=4", "algo=lokr", "factor=8"], "shuffle_caption": False,
        "base_weights": ["a.safetensors", "b.safetensors"], "base_weights_multiplier": ["1.0", "0.5"],
        "max_train_epochs": 10, "min_snr_gamma": "none", "caption_extension": ".caption", "mixed_precision": "no",
    }  # fmt: skip
    found = {name: imported.settings.get(name) for name in expected}
    assert {**found, "network_args": sorted(found["network_args"])} == {
        **expected, "network_args": sorted(expected["network_args"]),
    }  # fmt: skip
    assert imported.family == "sd"
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


def test_sd_scripts_config_file(tmp_path: Path) -> None:
    config = (
        '[model]\nclip_l = "/c"\nt5xxl = "/t"\nae = "/a"\n[rest]\nnetwork_dimm = 4\nlearning_rate = 1e-4\n'
        'text_encoder_lr = [5e-5, 1e-5]\nflip_aug = true\ncolor_aug = false\nmax_train_steps = 500\ngemma2 = "/g"\n'
    )
    imported = text(tmp_path, "run.toml", config)
    assert imported.family == "flux"
    assert imported.settings["text_encoder_lr"] == "5e-05 1e-05"
    assert (imported.settings["flip_aug"], imported.settings["color_aug"]) == (True, False)
    assert imported.settings["network_dim"] == 4  # what sd-scripts trains where nothing is said
    assert imported.settings["enable_bucket"] is False
    left = reasons(imported)
    assert left["network_dimm"] == "sd-scripts has no such argument"
    assert left["gemma2"] == "FLUX.1 has no such argument"
    assert "epochs" in left["max_train_steps"]
    assert text(tmp_path, "sdxl.toml", "no_half_vae = true").family == "sdxl"
    assert text(tmp_path, "said.toml", "seed = 1", family="SD3").family == "sd3"


def test_a_command_line_in_a_script(tmp_path: Path) -> None:
    script = "lr=1e-4\naccelerate launch sdxl_train_network.py --learning_rate $lr --max_train_epochs 4 --t5xxl x\n"
    imported = text(tmp_path, "train.sh", script)
    assert imported.family == "sdxl"
    assert imported.settings["learning_rate"] == 1e-4
    assert imported.settings["max_train_epochs"] == 4
    assert "Stable Diffusion XL has no t5xxl" in reasons(imported)["--t5xxl"]
    assert imported.assumed["mixed_precision"] == "no"
    only = tmp_path / "args.txt"
    only.write_bytes("--seed 3 --caption_prefix 'a; b'".encode("utf-16"))
    alone = import_settings(only)
    assert alone.settings == {"seed": 3, "caption_prefix": '"a; b"'}
    assert alone.assumed == {}
    assert can_be_planned(alone)


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
    assert imported.family == "sd"
    assert imported.settings == {
        "v2": True, "v_parameterization": True, "train_batch_size": 2, "max_train_epochs": 6, "seed": 7,
        "learning_rate": 1e-4, "text_encoder_lr": 5e-5, "optimizer_type": "AdamW",
        "optimizer_args": ["weight_decay=0.1", "betas=(0.9,0.99)"], "lr_warmup_steps": 0.05,
        "network_module": "networks.lora", "network_dim": 8, "network_alpha": 4.0, "network_args": ["conv_dim=4"],
        "min_snr_gamma": "none", "debiased_estimation_loss": True, "resolution": "512,768", "enable_bucket": False,
        "flip_aug": True, "keep_tokens": 0, "mixed_precision": "no",
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


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "isn't JSON"),
        ("a.json", '{"learning_rate": 1}', "no settings of kohya_ss' LoRA tab"),
        ("a.json", "[1]", "no settings"),
        ("a.toml", "x = ", "can't be read as TOML"),
        ("a.yaml", "x: 1", "settings come from .json"),
        ("a.sh", "python train_network.py --sede 1", "did you mean --seed"),
        ("a.safetensors", "not one", "no whole safetensors"),
    ],
)
def test_files_that_hold_no_settings(tmp_path: Path, name: str, content: str, words: str) -> None:
    with pytest.raises(TrainToolsError, match=words):
        text(tmp_path, name, content)
    with pytest.raises(UsageError, match="there is no file"):
        import_settings(tmp_path / "nothing.toml")
    no_training = tmp_path / "x.safetensors"
    write_safetensors(no_training, {"a": (1,)}, {})
    with pytest.raises(UsageError, match="says nothing of its training"):
        import_settings(no_training)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.floats()
    | st.text(max_size=8)
    | st.just("--seed 1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [*KOHYA, *SD_TRAINER_KEYS, *METADATA, "ss_datasets", "data", "metadata", "LyCORIS_preset"]
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS, ANYTHING, max_size=8))
def test_whatever_a_file_holds_is_taken_or_left_out(data: dict[str, Any]) -> None:
    for read in (from_kohya_ss, from_sd_trainer, from_config):
        assert can_be_planned(read(data)), read
    with_mark = {**{key: str(value) for key, value in data.items()}, "ss_network_module": "networks.lora"}
    assert can_be_planned(from_metadata({**with_mark, "ss_datasets": json.dumps(data.get("ss_datasets"))}))


def test_secrets_dont_travel(tmp_path: Path) -> None:
    imported = text(tmp_path, "x.toml", 'wandb_api_key = "k123"\nhuggingface_token = "t456"\nseed = 1\n')
    assert "k123" not in str(imported)
    assert "t456" not in str(imported)
    assert "it is secret" in reasons(imported)["wandb_api_key"]


def test_what_is_imported_can_be_given_to_sd_scripts(tmp_path: Path) -> None:
    """Import of what config_file writes gives the same settings again."""
    given = {
        "pretrained_model_name_or_path": "/m", "resolution": "640,640", "learning_rate": 3e-4, "max_train_epochs": 3,
        "network_module": "networks.lora", "network_dim": 4, "optimizer_args": ["weight_decay=0.1"], "seed": 5,
        "train_data_dir": "/d", "output_dir": "/o", "text_encoder_lr": 1e-5, "flip_aug": True,
    }  # fmt: skip
    assert [p for p in check(given, FAMILIES["sd"]) if p.is_fatal] == []
    imported = text(tmp_path, "run.toml", toml.dumps(given))
    same = {name: value for name, value in given.items() if not ARGUMENTS[name].chosen_by_us}
    assert {name: imported.settings[name] for name in same} == same
