"""Files of every kind: what is read, what is refused in a sentence, and that nothing ever breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from execution.fake_engine import write_safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planning.imports.files import can_be_planned, text

from train_tools.errors import TrainToolsError, UsageError
from train_tools.planning.imports.kohya_ss import from_kohya_ss
from train_tools.planning.imports.lora_metadata import from_lora
from train_tools.planning.imports.read import from_data, import_settings
from train_tools.planning.imports.sd_scripts import from_command_line, from_config
from train_tools.planning.imports.sd_trainer import from_sd_trainer

NOTHING = "nothing in it is a setting of a LoRA training: looked for were"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "can't be read as JSON"),
        ("a.json", '{"name": "x", "version": 1}', NOTHING),
        ("a.json", "[1]", NOTHING),
        ("a.json", '[{"name": "c", "path": "/p", "image": {}, "text": {}}]', "OneTrainer's list of concepts"),
        ("a.json", '{"nodes": [], "links": []}', "workflow of ComfyUI"),
        ("a.json", '{"--model_type": "lora", "--data_backend_config": "x"}', "SimpleTuner"),
        ("a.toml", "x = ", "can't be read as TOML"),
        ("a.toml", '[project]\nname = "x"\nversion = "1"\n', NOTHING),
        ("a.toml", "", NOTHING),
        ("a.yaml", "x: 1", NOTHING),
        ("a.yaml", "x: [1", "can't be read as YAML"),
        ("a.yaml", "just words", "can't be read as YAML"),
        ("a.yaml", "compute_environment: LOCAL\ndistributed_type: 'NO'\nmixed_precision: fp16\n", "accelerate's"),
        ("a.toml", '[model]\ntype = "sdxl"\n[adapter]\ntype = "lora"\nrank = 32\n', "diffusion-pipe for sdxl"),
        ("a.toml", 'resolutions = [512]\n[[directory]]\npath = "/x"\n', "a dataset of diffusion-pipe"),
        ("a.toml", '[[datasets]]\nimage_directory = "/x"\ncache_directory = "/y"\n', "a dataset of musubi-tuner"),
        ("a.toml", 'dit = "/m"\nnetwork_module = "networks.lora_wan"\nnetwork_dim = 8\n', "musubi-tuner .networks"),
        ("a.sh", "python train_network.py --sede 1", "did you mean --seed"),
        ("a.sh", "echo hello", "no argument of sd-scripts was found"),
        ("a.txt", "", NOTHING),
        ("a.bat", "python src/musubi_tuner/wan_train_network.py --dit x", "musubi-tuner, which trains LoRAs for Wan"),
        ("a.sh", "accelerate launch train_dreambooth_lora_sdxl.py --rank 4", "an example of diffusers"),
        ("a.sh", "python run.py config/my_lora.yaml", "of ai-toolkit, whose settings stand in the file"),
        ("a.sh", "python scripts/train.py --config-path=a.json", "of OneTrainer"),
        ("a.sh", "deepspeed --num_gpus=1 train.py --deepspeed --config a.toml", "of diffusion-pipe"),
        ("a.sh", "accelerate launch sdxl_train.py --learning_rate 1e-5", "doesn't train a LoRA but a whole model"),
        ("a.safetensors", "not one", "no whole safetensors"),
        ("a.ckpt", "x", "only LoRAs that are .safetensors"),
        ("a.exe", "\0\1\0\1\2\3\0", "isn't text"),
    ],
)  # fmt: skip
def test_files_that_hold_no_settings(tmp_path: Path, name: str, content: str, words: str) -> None:
    with pytest.raises(TrainToolsError, match=words):
        text(tmp_path, name, content)


def test_no_file_and_a_lora_that_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        import_settings(tmp_path / "nothing.toml")
    no_training = tmp_path / "x.safetensors"
    write_safetensors(no_training, {"a": (1,)}, {})
    with pytest.raises(UsageError, match="says nothing of its training"):
        import_settings(no_training)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"network_dim": 12, "seed": 3}'),
        ("a.txt", '{"network_dim": 12, "seed": 3,}\n'),
        ("a.toml", "network_dim = 12\nseed = 3\n"),
        ("settings", "[network]\nnetwork_dim = 12\n[more]\nseed = 3\n"),
        ("a.yaml", "network_dim: 12\nseed: 3\n"),
        ("a.yaml", "network_dim = 12\nseed = 3\n"),
        ("a.json", "network_dim = 12\nseed = 3\n"),
        ("a.txt", "--network_dim 12 --seed=3"),
        ("notes.md", "train_network.py --network_dim 12\n--seed=3\n"),
        (
            "guide.md",
            "It's\n```bash\npip install x\n```\nthen\n```\ntrain_network.py --network_dim 12\n --seed 3\n```\n",
        ),
        ("guide.txt", "Use\n```toml\nnetwork_dim = 12\nseed = 3\n```\nwith it.\n"),
    ],
)
def test_the_content_tells_what_it_is_and_not_the_ending(tmp_path: Path, name: str, content: str) -> None:
    assert text(tmp_path, name, content).settings == {"seed": 3, "network_dim": 12}
    windows = tmp_path / f"w-{name}"
    windows.write_bytes(content.replace("\n", "\r\n").encode("utf-16"))
    assert import_settings(windows).settings == {"seed": 3, "network_dim": 12}


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["--seed 1", "LORA", "STABLE_DIFFUSION_15", "sd_trainer", "lora", "flux", "true", "1e-4", "[1]"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
KOHYA = ["LoRA_type", "max_resolution", "optimizer_args", "text_encoder_lr", "additional_parameters", "lr_warmup",
         "xformers", "down_lr_weight", "epoch", "sdxl", "network_dim", "flux1_checkbox", "model_type"]  # fmt: skip
SD_TRAINER = ["model_train_type", "ui_custom_params", "base_weights", "lycoris_algo", "enable_preview", "data",
              "metadata", "network_args_custom", "prodigy_d_coef"]  # fmt: skip
ONE_TRAINER = ["training_method", "model_type", "unet", "text_encoder", "text_encoder_2", "optimizer", "resolution",
               "learning_rate_warmup_steps", "learning_rate_cycles", "concepts", "noising_weight", "lora_rank",
               "timestep_distribution", "min_noising_strength", "save_every", "save_every_unit"]  # fmt: skip
ANIMA = ["transformer_path", "lora_rank", "lora_type", "grad_accum", "timestep_shift", "resolution"]
EASY = ["net_dim", "alpha", "base_model", "img_folder", "train_resolution", "network_args", "warmup_lr_ratio"]
CONFIG = ["general", "datasets", "subsets", "caption_extension", "learning_rate", "network_module", "vae"]
KEYS = st.sampled_from([*KOHYA, *SD_TRAINER, *ONE_TRAINER, *ANIMA, *EASY, *CONFIG])
TABLES = st.dictionaries(KEYS, ANYTHING, max_size=8)
NESTED = st.dictionaries(
    st.sampled_from(["args", "dataset_args", "process", "network", "model", "train", "datasets", "save", "type",
                     "linear", "subsets", "image_dir", "resolution", "steps", "optimizer", "arch", "lr"]),
    ANYTHING | TABLES | st.lists(TABLES, max_size=2),
    max_size=4,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_whatever_a_file_holds_is_taken_or_left_out(data: dict[str, Any]) -> None:
    for read in (from_kohya_ss, from_sd_trainer, from_config, from_data):
        try:
            assert can_be_planned(read(data)), read
        except UsageError as error:
            assert str(error)
    metadata = {f"ss_{key}": json.dumps(value) for key, value in data.items()} | {
        "ss_network_module": "networks.lora"
    }
    assert can_be_planned(from_lora(metadata))


@settings(max_examples=60, deadline=None)
@given(NESTED | st.dictionaries(st.sampled_from(["config", "subsets", "general_args", "model"]), NESTED, max_size=3)
       | st.lists(NESTED, max_size=2).map(lambda p: {"config": {"process": p}}),
       TABLES)  # fmt: skip
def test_no_structure_breaks_a_reader(data: dict[str, Any], more: dict[str, Any]) -> None:
    for whole in (data, {**more, **data}):
        try:
            assert can_be_planned(from_data(whole))
        except UsageError as error:
            assert str(error)


PIECES = st.sampled_from([
    "accelerate launch ", "train_network.py ", "--seed 1 ", "--network_args ", '"', "'", "\\\n", "`\n", "^\n", "\n",
    "# ", "$x ", "$x = ", "x=1 ", "${y[@]} ", "y=(", ") ", "@( ", "if [[ $x ]]; then ", "fi\n", "if ($x) { ", "} ",
    "else { ", "for a in 1 2; do ", "done\n", "; ", "&& ", "| tee a ", "['a.py', '--seed', ", "\\'] ", "%X% ",
    "set X=", "{x} ", "!", "训练", "\t",
])  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=20).map("".join))
@example("x=(" * 50)
@example("if (((($x)) { }")
@example("['" * 40 + ".py")
@example("--network_args \\'] ")
def test_no_script_breaks_the_reader(script: str) -> None:
    try:
        assert from_command_line(script).source == "command line"
    except UsageError as error:
        assert str(error)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | TABLES.map(lambda d: yaml.safe_dump(d).encode()),
       st.sampled_from([".json", ".toml", ".yaml", ".txt", ".sh", "", ".safetensors"]))  # fmt: skip
def test_no_file_breaks_the_import(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, ending: str
) -> None:
    file = tmp_path_factory.mktemp("any", numbered=True) / f"file{ending}"
    file.write_bytes(data)
    try:
        assert import_settings(file).mapped
    except TrainToolsError as error:
        assert str(error)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    deep = "[" * 2000
    for name, content in (
        ("a.json", "[" * 9000),
        ("a.toml", f"a = {deep}"),
        ("a.yaml", deep),
        ("b.yaml", bomb),
    ):
        with pytest.raises(UsageError, match="can't be read as"):
            text(tmp_path, name, content)


def test_secrets_dont_travel(tmp_path: Path) -> None:
    imported = text(tmp_path, "x.toml", 'wandb_api_key = "k123"\nhuggingface_token = "t456"\nseed = 1\n')
    assert "k123" not in str(imported)
    assert "t456" not in str(imported)
    assert "it is secret" in {left.key: left.reason for left in imported.left_out}["wandb_api_key"]
