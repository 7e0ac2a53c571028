"""A tree of sd-webui-train-tools is opened as it is; its settings become ours, and nothing in it changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from workspace.samples import contents, put

from train_tools import cli
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import settings, toml
from train_tools.workspace.clone import start_from
from train_tools.workspace.predecessor import read, script_arguments
from train_tools.workspace.settings_file import load
from train_tools.workspace.summary import summarize_versions
from train_tools.workspace.workspace import Version, Workspace

# As its page writes them: tabs, numbers as the page's fields hold them.
DATASET: dict[str, Any] = {
    "train_num_repetitions": 20,
    "process_width": 768,
    "process_height": 512,
    "preprocess_txt_action": "prepend",
    "process_flip": True,
    "process_split": False,
    "process_caption": True,
    "process_caption_deepbooru": False,
    "process_split_threshold": 0.5,
    "process_overlap_ratio": 0.2,
    "process_focal_crop": False,
    "process_focal_crop_face_weight": 0.9,
    "process_focal_crop_entropy_weight": 0.15,
    "process_focal_crop_edges_weight": 0.5,
    "process_focal_crop_debug": False,
    "process_multicrop": False,
    "process_multicrop_mindim": 384,
    "process_multicrop_maxdim": 768,
    "process_multicrop_minarea": 4096,
    "process_multicrop_maxarea": 409600,
    "process_multicrop_objective": "Maximize area",
    "process_multicrop_threshold": 0.1,
}
TRAIN: dict[str, Any] = {
    "train_base_model": "v1-5-pruned-emaonly.safetensors [6ce0161689]",
    "train_batch_size": 10,
    "train_num_epochs": 10,
    "train_save_every_n_epochs": 2,
    "train_finish_generate_all_checkpoint_preview": True,
    "train_optimizer_type": ["Lion", "AdamW"],
    "train_learning_rate": "0.0001,0.0002",
    "sd_script_args": '--lr_scheduler="constant_with_warmup" --max_grad_norm=0.5 --output_dir=/x --flip_aug',
    "train_net_dim": 128,
    "train_alpha": 64,
    "train_clip_skip": 2,
    "train_mixed_precision": "fp16",
    "train_xformers": True,
    "train_base_on_sd_v2": False,
    "use_sdxl": False,
}
PREVIEW: dict[str, Any] = {
    "preview_include_sub_img": False,
    "preview_txt2img_prompt": "best quality, [a|b] 少女",
    "preview_txt2img_negative_prompt": "low quality",
    "preview_sampling_method": ["Euler a"],
    "preview_sampling_steps": "28,30",
    "preview_width": 512,
    "preview_height": 640,
    "preview_batch_count": 1,
    "preview_batch_size": 4,
    "preview_cfg_scale": "10",
    "preview_seed": "-1",
    "preview_lora_multiplier": "0.6,0.7,0.8,1",
}
RUN = "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64"


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """A webui's folder after a training in the predecessor."""
    version = tmp_path / "outputs" / "train_tools" / "projects" / "zorb" / "versions" / "v1"
    for name, values in (("dataset", DATASET), ("train", TRAIN), ("preview", PREVIEW)):
        put(version / f"{name}_config.json", json.dumps(values, indent="\t").encode())
    put(version / "dataset" / "origin" / "a.jpg", b"original")
    put(version / "dataset" / "origin" / "preload" / "a.png", b"without transparency")
    put(version / "dataset" / "processed" / "20_zorb" / "00000-0-a.png", b"picture")
    put(version / "dataset" / "processed" / "20_zorb" / "00000-0-a.txt", b"a girl")
    for name in ("zorb-v1-000002", "zorb-v1"):
        put(version / "trains" / RUN / f"{name}.safetensors", b"weights")
        put(version / "trains" / RUN / name / "images" / "xyz_grid-0000-1.png", b"grid")
    put(tmp_path / "models" / "Stable-diffusion" / "v1-5-pruned-emaonly.safetensors", b"base")
    return tmp_path


@pytest.fixture
def version(webui: Path) -> Version:
    return Workspace(webui / "outputs").version("zorb", "v1")


def test_settings_are_read_into_ours(version: Version, webui: Path) -> None:
    found = settings.read(version)
    assert found["dataset"] == {
        "repeats": 20, "width": 768, "height": 512, "existing_caption": "prepend", "flip": True, "split": False,
        "split_threshold": 0.5, "overlap_ratio": 0.2, "focal_crop": False, "focal_crop_face_weight": 0.9,
        "focal_crop_entropy_weight": 0.15, "focal_crop_edges_weight": 0.5, "multicrop": False,
        "multicrop_mindim": 384, "multicrop_maxdim": 768, "multicrop_minarea": 4096,
        "multicrop_maxarea": 409600, "multicrop_objective": "maximize area", "multicrop_threshold": 0.1,
        "keep_aspect": False, "small_images": "upscale",
    }  # fmt: skip
    assert found["training"] == {
        "pretrained_model_name_or_path": str(
            webui.absolute() / "models" / "Stable-diffusion" / "v1-5-pruned-emaonly.safetensors"
        ),
        "train_batch_size": 10, "max_train_epochs": 10, "save_every_n_epochs": 2,
        "optimizer_type": "Lion,AdamW", "learning_rate": "0.0001,0.0002",
        "lr_scheduler": "constant_with_warmup", "max_grad_norm": "0.5", "flip_aug": True,
        "network_dim": 128, "network_alpha": 64, "clip_skip": 2, "mixed_precision": "fp16", "v2": False,
    }  # fmt: skip
    assert found["preview"] == {
        "prompts": ["best quality, [a|b] 少女"], "negative_prompt": ["low quality"], "steps": [28, 30], "width": 512,
        "height": 640, "cfg_scale": [10], "weights": [0.6, 0.7, 0.8, 1.0], "sampler": ["Euler a"],
    }  # fmt: skip
    assert settings.build(PreviewSettings, found["preview"]).steps == (28, 30)


def test_the_report_names_every_key(version: Version) -> None:
    notes = load(version).notes
    for key in (*DATASET, *TRAIN, *PREVIEW):
        assert any(f": {key} " in note for note in notes), key
    left_out = [note for note in notes if "left out" in note]
    assert any("preview_seed = '-1'" in note and "random" in note for note in left_out)


def test_commands_read_the_tree_and_change_nothing(
    webui: Path, version: Version, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(version.folder)
    root = ["--root", str(webui / "outputs")]
    for command in ("project list", "version list zorb", "runs zorb v1", "settings show zorb v1"):
        assert cli.main([*command.split(), *root]) == 0, command
    out = capsys.readouterr().out
    assert "optimizer_type = Lion,AdamW" in out
    assert "note: train_config.json: train_net_dim -> training.network_dim = 128" in out
    assert RUN in out
    assert contents(version.folder) == before
    (summary,) = summarize_versions(Workspace(webui / "outputs"), "zorb")
    assert (summary.originals, summary.images, summary.captions) == (1, 1, 1)
    assert (summary.runs, summary.checkpoints) == (1, 2)


def test_the_first_change_takes_everything_over(version: Version, webui: Path) -> None:
    before = contents(version.folder)
    assert (
        cli.main(["settings", "set", "zorb", "v1", "train_batch_size=2", "--root", str(webui / "outputs")])
        == 0
    )
    after = contents(version.folder)
    data = toml.loads(after.pop("version.toml").decode())
    assert after == before
    assert (data["training"]["train_batch_size"], data["training"]["network_dim"]) == ("2", 128)
    assert data["dataset"]["width"] == 768
    assert load(version).notes == ()


def test_a_new_version_starts_with_its_settings(version: Version, webui: Path) -> None:
    workspace = Workspace(webui / "outputs")
    start_from(workspace, version, "zorb", "v2", ("settings",))
    assert settings.read(workspace.version("zorb", "v2")) == settings.read(version)


@pytest.mark.parametrize(
    ("key", "value", "section", "expected"),
    [
        ("train_num_repetitions", -1.0, "dataset", {"repeats": -1}),
        ("train_num_repetitions", 0, "dataset", {}),
        ("train_num_repetitions", None, "dataset", {}),
        ("train_batch_size", 2.0, "training", {"train_batch_size": 2}),
        ("train_batch_size", "many", "training", {}),
        ("train_clip_skip", 0, "training", {}),
        ("train_base_model", "gone.ckpt [00]", "training", {}),
        ("train_base_model", None, "training", {}),
        ("sd_script_args", "--a='unclosed", "training", {}),
        ("process_flip", "yes", "dataset", {}),
        ("preview_lora_multiplier", "0.5, 1,", "preview", {"weights": [0.5, 1.0]}),
        ("preview_lora_multiplier", "a", "preview", {}),
        ("preview_seed", "7,8", "preview", {"seed": [7, 8]}),
        ("preview_seed", "7,-1", "preview", {}),
        (
            "preview_sampling_method",
            ["DPM++ 2M Karras", "DDIM", "Restart"],
            "preview",
            {"sampler": ["DPM++ 2M Karras", "DDIM"]},
        ),
        ("preview_sampling_method", ["Restart"], "preview", {}),
        ("preview_sampling_method", [], "preview", {}),
        ("something_new", 1, "training", {}),
    ],
)
def test_single_values(tmp_path: Path, key: str, value: Any, section: str, expected: dict[str, Any]) -> None:
    put(tmp_path / "train_config.json", json.dumps({key: value}).encode())
    found = read(tmp_path)
    assert found.data.get(section, {}) == expected
    assert any(("left out" in note) == (not expected) for note in found.notes if f": {key} " in note)


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff\xfe", b"5"])
def test_a_damaged_file_costs_its_own_settings_only(tmp_path: Path, data: bytes) -> None:
    put(tmp_path / "dataset_config.json", data)
    put(tmp_path / "preview_config.json", json.dumps({"preview_width": 512}).encode())
    found = read(tmp_path)
    assert found.data == {"preview": {"width": 512}}
    assert "dataset_config.json" in found.notes[0]


def test_script_arguments() -> None:
    text = '--network_args "conv_dim=4" conv_alpha=1 --lr_warmup_steps 50 --min_snr_gamma=5 --flip_aug stray'
    assert script_arguments(text) == {
        "network_args": "conv_dim=4 conv_alpha=1",
        "lr_warmup_steps": "50",
        "min_snr_gamma": "5",
        "flip_aug": "stray",
    }
    assert script_arguments("") == {}
