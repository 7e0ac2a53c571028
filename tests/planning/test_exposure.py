from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import make_version, settings

from train_tools.arguments.table import KNOWN, ROWS
from train_tools.captioning.settings import CaptioningSettings
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError
from train_tools.planning.exposure import (
    ALLOWED,
    OTHER_SETTINGS,
    Folders,
    refuse_exposed,
    refuse_exposed_settings,
)
from train_tools.planning.plan import make_plan
from train_tools.preview.settings import PreviewSettings
from train_tools.publish.settings import PublishSettings
from train_tools.small_models import base_model_file
from train_tools.workspace.catalogue import entries_of


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("outputs/a.safetensors", "outputs/b.ckpt", "models/c.ckpt", "elsewhere/d.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    if os.name != "nt":
        (tmp_path / "outputs" / "link.safetensors").symlink_to(tmp_path / "elsewhere" / "d.safetensors")
    return Folders(tmp_path / "outputs", (tmp_path / "models",))


FREE = [
    row for row in {row.name: row for row in (*ROWS, *KNOWN.values())}.values()
    if row.kind in ("str", "list") and not row.choices
]  # fmt: skip
# What sd-scripts (48d368fa) does with the text of an argument: train_util.py, the trainers, the network modules.
OPENED = {
    "sample_prompts", "dataset_config", "in_json", "log_tracker_config", "resume", "pretrained_model_name_or_path",
    "vae", "network_weights", "base_weights", "clip_l", "clip_g", "t5xxl", "ae", "gemma2", "text_encoder", "byt5",
    "qwen3", "llm_adapter_path", "t5_tokenizer_path", "controlnet_model_name_or_path", "reg_data_dir",
    "conditioning_data_dir", "train_data_dir",
}  # fmt: skip
WRITTEN = {
    "output_dir", "logging_dir", "console_log_file", "tokenizer_cache_dir", "offload_optimizer_nvme_path",
    "offload_param_nvme_path", "config_file",
}  # fmt: skip


def test_every_free_text_says_what_is_done_with_it() -> None:
    """A new row of the schema must be thought about."""
    assert [row.name for row in FREE if not row.opens] == []
    assert {row.name for row in FREE if row.must_exist} == OPENED
    assert {row.name for row in FREE if row.opens == "writes"} == WRITTEN
    assert {row.name for row in FREE if row.is_path} == OPENED | WRITTEN
    assert set(ALLOWED) <= {row.name for row in ROWS}


@pytest.mark.parametrize("name", [row.name for row in FREE if not row.chosen_by_us])
@pytest.mark.parametrize(
    "value", ["/etc/passwd", "C:\\Users\\me\\.ssh\\id_rsa", "../../../secret.txt", "//host/share/x"]
)
def test_no_argument_opens_a_file_outside(folders: Folders, name: str, value: str) -> None:
    row = KNOWN.get(name)
    if row is None or row.opens in ("prose", "plain"):
        return  # an old name, or words that nothing opens
    with pytest.raises(UsageError, match="isn't taken while the webui is open to others"):
        refuse_exposed({name: value}, folders)


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
        ("sample_prompts", "{root}/host.json"),
        ("sample_prompts", "prompts.txt"),
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


# Free texts of other parts that no file, module or server is sought by; all others stand in OTHER_SETTINGS.
WORDS = {
    "captioning": {"text", "only", "prefix", "suffix", "always_first_tags", "undesired_tags", "tag_replacement",
                   "server_model", "server_own_prompt"},
    "preview": {"prompts", "prompt_set", "prompt_sr", "negative_prompt", "block_weights", "checkpoints", "runs",
                "sampler", "scheduler", "sizes", "automatic_lane", "sheet_axes"},
    "publish": {"activation_text", "negative_text", "notes", "description", "author", "license"},
    "dataset": {"concept", "concept_repeats", "alpha_colour"},
    "score": set(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("section", "kind"),
    [("captioning", CaptioningSettings), ("preview", PreviewSettings), ("publish", PublishSettings),
     ("dataset", DatasetSettings), ("score", ScoreSettings)],
)  # fmt: skip
def test_every_free_text_of_other_parts_is_thought_about(section: str, kind: Any) -> None:
    free = {row.name for row in entries_of(section, kind) if row.kind in ("str", "size") and not row.choices}
    assert free == WORDS[section] | set(OTHER_SETTINGS.get(section, ()))
    for name in OTHER_SETTINGS.get(section, ()):
        for value in ("/etc/passwd", "someone/model", ("trained", "/x.ckpt"), "http://169.254.169.254/"):
            with pytest.raises(UsageError, match="isn't taken while the webui is open to others"):
                refuse_exposed_settings(section, {name: value})
    refuse_exposed_settings(section, dict.fromkeys(WORDS[section], "/etc/passwd"))


def test_other_parts() -> None:
    refuse_exposed_settings("preview", {"base_models": ("trained",), "vae": "host"})
    for given in ("openai", "blip,openai", ("blip", "openai")):
        with pytest.raises(UsageError, match="pictures would be sent"):
            refuse_exposed_settings("captioning", {"captioner": given})
    with pytest.raises(UsageError, match="hold code"):
        refuse_exposed_settings("captioning", {"wd_model": "someone/tagger"})
    refuse_exposed_settings("captioning", {"captioner": "wd", "model": ""})
    refuse_exposed_settings("preview", {"prompts": "x"})
