from __future__ import annotations

from pathlib import Path

import pytest
from planning.imports.files import can_be_planned, reasons, some_of, text

from train_tools.arguments.config_file import check
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import UsageError
from train_tools.families.registry import BY_NAME
from train_tools.planning.imports.read import import_settings
from train_tools.workspace import toml


def test_sd_scripts_config_file(tmp_path: Path) -> None:
    config = (
        '[model]\nclip_l = "/c"\nt5xxl = "/t"\nae = "/a"\n[rest]\nnetwork_dimm = 4\nlearning_rate = 1e-4\n'
        'text_encoder_lr = [5e-5, 1e-5]\nflip_aug = true\ncolor_aug = false\nmax_train_steps = 500\ngemma2 = "/g"\n'
    )
    imported = text(tmp_path, "run.toml", config)
    assert imported.family == "flux"
    assert imported.settings["text_encoder_lr"] == "5e-05 1e-05"
    assert (imported.settings["flip_aug"], imported.settings["color_aug"]) == (True, False)
    assert imported.assumed == {}  # without a base model and images it is an excerpt
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
    assert imported.assumed == {}
    assert "what the version has set stays" in reasons(imported)["mixed_precision"]
    only = tmp_path / "args.txt"
    only.write_bytes("--seed 3 --caption_prefix 'a; b'".encode("utf-16"))
    alone = import_settings(only)
    assert alone.settings == {"seed": 3, "caption_prefix": '"a; b"'}
    assert alone.assumed == {}
    assert can_be_planned(alone)


def test_what_is_imported_can_be_given_to_sd_scripts(tmp_path: Path) -> None:
    """Import of what config_file writes gives the same settings again."""
    given = {
        "pretrained_model_name_or_path": "/m", "resolution": "640,640", "learning_rate": 3e-4, "max_train_epochs": 3,
        "network_module": "networks.lora", "network_dim": 4, "optimizer_args": ["weight_decay=0.1"], "seed": 5,
        "train_data_dir": "/d", "output_dir": "/o", "text_encoder_lr": 1e-5, "flip_aug": True,
    }  # fmt: skip
    assert [p for p in check(given, BY_NAME["sd1"]) if p.is_fatal] == []
    imported = text(tmp_path, "run.toml", toml.dumps(given))
    same = {name: value for name, value in given.items() if not ARGUMENTS[name].chosen_by_us}
    assert {name: imported.settings[name] for name in same} == same


WHOLE = "accelerate launch train_network.py --pretrained_model_name_or_path m.ckpt --train_data_dir d --output_dir o "


def test_a_whole_command_line_relies_on_sd_scripts_defaults(tmp_path: Path) -> None:
    imported = text(
        tmp_path, "a.sh", f"{WHOLE} --network_module networks.lora --resolution 512 --unet_lr 1e-4"
    )
    assert imported.assumed == {
        "learning_rate": 2e-6, "lr_scheduler": "constant", "network_dim": 4, "network_alpha": 1.0,
        "min_snr_gamma": "none", "enable_bucket": False,
    }  # fmt: skip
    # Never: a version's captions are .txt, steps are no epochs, and `no` only costs memory.
    assert {"caption_extension", "max_train_epochs", "mixed_precision", "cache_latents"}.isdisjoint(
        imported.settings
    )
    assert "default, 10" in reasons(imported)["max_train_epochs"]
    assert "sd-scripts' is no" in reasons(imported)["mixed_precision"]
    rates = text(
        tmp_path, "b.sh", f"{WHOLE} --network_module networks.lora --unet_lr 1e-4 --text_encoder_lr 1e-5"
    )
    assert "learning_rate" not in rates.settings  # it would have no effect


def test_a_whole_command_line_for_flux_relies_on_other_defaults_than_ours(tmp_path: Path) -> None:
    call = (
        "accelerate launch flux_train_network.py --pretrained_model_name_or_path f --clip_l c --t5xxl t --ae a "
        "--dataset_config d.toml --network_module networks.lora_flux --learning_rate 1e-4 --network_dim 4"
    )
    imported = text(tmp_path, "flux.sh", call)
    expected = {"timestep_sampling": "sigma", "guidance_scale": 3.5, "model_prediction_type": "sigma_scaled",
                "network_train_unet_only": False, "cache_text_encoder_outputs": False}  # fmt: skip
    assert some_of(imported, expected) == expected
    assert set(expected) <= set(imported.assumed)
    # Which buckets there are, the other file says; and it isn't this version's dataset.
    assert "enable_bucket" not in imported.settings
    assert "import that file" in reasons(imported)["--dataset_config"]
    excerpt = text(tmp_path, "part.sh", "flux_train_network.py --learning_rate 1e-4")
    assert excerpt.assumed == {}
    assert "default, shift; sd-scripts' is sigma" in reasons(excerpt)["timestep_sampling"]


def test_of_an_excerpt_nothing_is_assumed(tmp_path: Path) -> None:
    imported = text(tmp_path, "guide.txt", "train_network.py --network_dim 8 --network_alpha 4")
    assert imported.settings == {"network_dim": 8, "network_alpha": 4.0}
    assert "sd-scripts' is 2e-06" in reasons(imported)["learning_rate"]
    assert "caption_extension" not in reasons(imported)


def test_what_is_right_in_a_command_line_is_taken(tmp_path: Path) -> None:
    line = (
        "accelerate launch --mixed_precision=fp16 train_network.py --seed 3 --no_such 1 --learning_rate fast "
        "--network_args conv_dim=4, conv_alpha=1 null --unet_lr $RATE --caption_extension .cap"
    )
    imported = text(tmp_path, "a.sh", line)
    assert imported.settings == {
        "seed": 3,
        "network_args": ["conv_dim=4", "conv_alpha=1"],
        "mixed_precision": "fp16",
    }
    left = reasons(imported)
    assert "unknown: --no_such" in left["--no_such"]
    assert "learning_rate can't be fast" in left["--learning_rate"]
    assert "takes $RATE" in left["--unet_lr"]
    assert left["--network_args"] == "a word of network_args is name=value"
    assert "always .txt" in left["--caption_extension"]


def test_a_call_that_leaves_all_to_a_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"stand in /out/lora\.toml; import that file"):
        text(tmp_path, "a.txt", "sdxl_train_network.py --config_file /out/lora.toml")


def test_the_family_is_told_or_guessed(tmp_path: Path) -> None:
    def of(content: str) -> tuple[str, bool]:
        imported = text(tmp_path, "a.toml", content)
        return imported.family, imported.is_guess

    assert of('network_module = "networks.lora_anima"') == ("anima", False)
    assert of("v2 = true") == ("sd2", False)
    assert of('pretrained_model_name_or_path = "D:\\\\ponyDiffusionV6.safetensors"') == ("sdxl", True)
    assert of('pretrained_model_name_or_path = "/m/flux1-dev.safetensors"') == ("flux", True)
    assert of("network_dim = 4") == ("sd1", True)


DATASETS = """
[general]
shuffle_caption = true
caption_extension = ".txt"
keep_tokens = 1
[[datasets]]
resolution = [768, 512]
batch_size = 4
enable_bucket = true
max_bucket_reso = 1536
  [[datasets.subsets]]
  image_dir = "/reg"
  is_reg = true
  [[datasets.subsets]]
  image_dir = "/pictures"
  num_repeats = 12
  flip_aug = true
  face_crop_aug_range = [2.0, 4.0]
[[datasets]]
resolution = 512
  [[datasets.subsets]]
  image_dir = "/more"
"""


def test_a_dataset_config(tmp_path: Path) -> None:
    imported = text(tmp_path, "dataset.toml", DATASETS)
    assert imported.source == "sd-scripts dataset_config"
    assert imported.assumed == {}
    assert imported.settings == {
        "train_batch_size": 4, "resolution": "768,512", "enable_bucket": True, "max_bucket_reso": 1536,
        "flip_aug": True, "face_crop_aug_range": "2.0,4.0", "caption_extension": ".txt", "shuffle_caption": True,
        "keep_tokens": 1,
    }  # fmt: skip
    left = {(left.key, left.value): left.reason for left in imported.left_out}
    assert "version's own dataset" in left["image_dir", "/reg, /pictures, /more"]
    assert "concept's folder" in left["num_repeats", "12"]
    assert "dataset/reg" in left["is_reg", "True"]
    assert "the first is taken" in left["resolution", "[768, 512], 512"]
    assert can_be_planned(imported)


SIZES = """
[general]
enable_bucket = true
[[datasets]]
resolution = 1024
batch_size = 1
  [[datasets.subsets]]
  image_dir = "/pictures"
  num_repeats = 3
[[datasets]]
resolution = [512, 768]
batch_size = 4
  [[datasets.subsets]]
  image_dir = "/pictures"
  num_repeats = 3
"""


def test_a_dataset_config_of_the_same_pictures_in_several_sizes(tmp_path: Path) -> None:
    imported = text(tmp_path, "dataset.toml", SIZES)
    assert imported.settings["resolution"] == "512,768+1024,1024"
    left = reasons(imported)
    assert "the first is taken" in left["batch_size"]
    assert "resolution" not in left
    assert can_be_planned(imported)
    # Shown more often in one size, they are another training.
    fewer = text(tmp_path, "fewer.toml", SIZES.replace("num_repeats = 3", "num_repeats = 1", 1))
    assert fewer.settings["resolution"] == "1024,1024"
    assert "the first is taken" in reasons(fewer)["resolution"]


def test_a_config_file_beside_a_dataset_config(tmp_path: Path) -> None:
    config = '[a]\npretrained_model_name_or_path = "/m"\nnetwork_module = "networks.lora"\n[b]\nlearning_rate = 1e-4\n'
    imported = text(tmp_path, "training_config.toml", config)
    assert imported.assumed == {
        "lr_scheduler": "constant", "network_dim": 4, "network_alpha": 1.0, "min_snr_gamma": "none",
    }  # fmt: skip
    assert "sd-scripts' is false" in reasons(imported)["enable_bucket"]


def test_our_own_settings_of_a_version(tmp_path: Path) -> None:
    own = 'schema = 1\n[training]\nnetwork_dim = "8"\nlearning_rate = "1e-4"\n[preview]\nseed = 9\n'
    imported = text(tmp_path, "version.toml", own)
    assert imported.source == "Train Tools settings"
    assert imported.settings == {"learning_rate": 1e-4, "network_dim": 8}


def test_training_and_datasets_in_one_file(tmp_path: Path) -> None:
    config = (
        '[general]\npretrained_model_name_or_path = "/m/a.safetensors"\n[network]\nnetwork_module = "networks.lora"\n'
        "network_dim = 8\ntrain_batch_size = 1\n" + DATASETS.replace("[general]\n", "[rest]\n")
    )
    imported = text(tmp_path, "whole.toml", config)
    expected = {"network_dim": 8, "train_batch_size": 4, "resolution": "768,512", "lr_scheduler": "constant"}
    assert some_of(imported, expected) == expected
    assert imported.source == "sd-scripts config file"
    assert imported.assumed["network_alpha"] == 1.0
    assert imported.settings["enable_bucket"] is True
