from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.arguments.table import ARGUMENTS, KNOWN, ROWS
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.pasted import as_setting, parse_pasted


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("--learning_rate=1e-4", {"learning_rate": 1e-4}),
        ("--learning_rate 1e-4 --flip_aug", {"learning_rate": 1e-4, "flip_aug": True}),
        ("--flip_aug=false --cache_latents no", {"flip_aug": False, "cache_latents": False}),
        ("--noise_offset 0 --max_grad_norm=0.0", {"noise_offset": 0.0, "max_grad_norm": 0.0}),
        ("--learning_rate 1e-4,3e-4", {"learning_rate": [1e-4, 3e-4]}),
        ("--text_encoder_lr 5e-5", {"text_encoder_lr": 5e-5}),
        ("--text_encoder_lr 5e-5 1e-5", {"text_encoder_lr": [5e-5, 1e-5]}),
        ('--optimizer_args "decouple=True" "weight_decay=0.01"',
         {"optimizer_args": ["decouple=True", "weight_decay=0.01"]}),
        ('--network_args="conv_dim=4 conv_alpha=1"', {"network_args": ["conv_dim=4", "conv_alpha=1"]}),
        ("--optimizer_args betas=0.9,0.99 'x=\"a b\"'", {"optimizer_args": ["betas=0.9,0.99", 'x="a b"']}),
        ("--base_weights a.pt 'b c.pt' --base_weights_multiplier 1 0.5",
         {"base_weights": ["a.pt", "b c.pt"], "base_weights_multiplier": [1.0, 0.5]}),
        ("--network_args --seed 1", {"network_args": None, "seed": 1}),
        ("--resolution=512,768", {"resolution": "512,768"}),
        ('--resolution "640"', {"resolution": "640,640"}),
        ("--optimizer_type lion", {"optimizer_type": "Lion"}),
        ("--optimizer_type pytorch_optimizer.CAME", {"optimizer_type": "pytorch_optimizer.CAME"}),
        ("--use_8bit_adam", {"optimizer_type": "AdamW8bit"}),
        ("--caption_extention .txt", {"caption_extension": ".txt"}),
        ("--network-dim 8", {"network_dim": 8}),
        ("--seed = 3 --network_dim= 8", {"seed": 3, "network_dim": 8}),
        ("—network_dim 8 ––seed=1", {"network_dim": 8, "seed": 1}),
        ("--vae none --reg_data_dir=\"\"", {"vae": None, "reg_data_dir": None}),
        ("--vae 'a, b.pt'", {"vae": "a, b.pt"}),
        ("--vae my\\ vae.pt", {"vae": "my vae.pt"}),
        ('--vae "C:\\models\\new vae.pt" --seed 1', {"vae": "C:\\models\\new vae.pt", "seed": 1}),
        ("--caption_prefix “a photo of ”", {"caption_prefix": "a photo of "}),
        ("--caption_prefix 'say --vae=x' # --seed 3", {"caption_prefix": "say --vae=x"}),
        ("--training_comment=a#b", {"training_comment": "a#b"}),
        ("--training_comment 'costs $5 and $x'", {"training_comment": "costs $5 and $x"}),
        ("--seed 1 --seed 2", {"seed": 2}),
        ("--initial_step 0 \\\n  --lr_warmup_steps 0.05 \\\r\n", {"initial_step": 0, "lr_warmup_steps": 0.05}),
        ("--save_precision=fp16 `\n --xformers ^\n --seed 3", {"save_precision": "fp16", "xformers": True, "seed": 3}),
        ("--seed 3\n# a remark\n--lowram", {"seed": 3, "lowram": True}),
    ],
)  # fmt: skip
def test_what_is_pasted_means_what_sd_scripts_would_read(text: str, values: dict[str, Any]) -> None:
    assert parse_pasted(text).values == values
    assert [type(v) for v in parse_pasted(text).values.values()] == [type(v) for v in values.values()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--learning_rat 1", r"--learning_rat \(did you mean --learning_rate"),
        ("--foo --netwrk_dim 4", r"--foo .*--netwrk_dim \(did you mean --network_dim"),
        ("learning_rate=1e-4", "write --learning_rate=1e-4"),
        ("1e-4 --seed 1", "what is '1e-4'"),
        ("--learning_rate", "--learning_rate has no value"),
        ("--learning_rate fast", "learning_rate can't be fast"),
        ("--network_dim 4 8", "put quotes around"),
        ("--caption_prefix a photo", '--caption_prefix "a photo"'),
        ("--flip_aug twice", "takes no value"),
        ("--vae 'open", "never closed"),
        ("--unet_lr=$rate", r"--unet_lr takes \$rate"),
        ("--unet_lr=$(cat rate)", "write it in"),
        ("--optimizer_type Lyon", "one of AdamW"),
        ("--base_weights_multiplier half", "base_weights_multiplier can't be half"),
    ],
)
def test_what_is_pasted_wrongly_is_explained(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_pasted(text)


POWERSHELL = r"""
# Settings | 设置
$pretrained_model = ".\sd-models\nai.ckpt" # base
$unet_lr = 1e-4 # U-Net
$real_lr = 1e-4 * $batch
$is_v2 = $false
accelerate launch --num_cpu_threads_per_process 8 "./sd-scripts/train_network.py" `
  --pretrained_model_name_or_path=$pretrained_model `
  --train_data_dir=".\train" --output_dir=.\output --output_name=$name `
  --unet_lr=${unet_lr} --v2=$is_v2 --network_alpha=128 --clip_skip=2 `
  --optimizer_type="AdamW8bit" --shuffle_caption --noise_offset=0
Write-Output "Done --seed 3"
"""
BASH = """#!/bin/bash
export lr=5e-5
python train_network.py --text_encoder_lr=$lr --use_8bit_adam \\
  --face_crop_aug_range="2.0,4.0" --max_token_length=150 && echo "done"
"""


def test_whole_scripts_are_read_for_the_call_of_the_trainer() -> None:
    pasted = parse_pasted(POWERSHELL)
    assert pasted.script == "train_network.py"
    assert pasted.values == {
        "pretrained_model_name_or_path": ".\\sd-models\\nai.ckpt",
        "unet_lr": 1e-4,
        "v2": False,
        "network_alpha": 128.0,
        "clip_skip": 2,
        "optimizer_type": "AdamW8bit",
        "shuffle_caption": True,
        "noise_offset": 0.0,
    }
    assert set(pasted.left_out) == {"train_data_dir", "output_dir", "output_name"}
    assert "dataset" in pasted.left_out["train_data_dir"]
    assert parse_pasted(BASH).values == {
        "text_encoder_lr": 5e-5,
        "optimizer_type": "AdamW8bit",
        "face_crop_aug_range": "2.0,4.0",
        "max_token_length": 150,
    }
    sdxl = parse_pasted("!accelerate launch /content/sdxl_train_network.py --seed=1 --console_log_simple")
    assert sdxl.script == "sdxl_train_network.py"
    with pytest.raises(UsageError, match=r"--unet_lr takes \$real_lr"):
        parse_pasted(POWERSHELL.replace("${unet_lr}", "$real_lr"))


def test_what_it_overrides_is_shown() -> None:
    pasted = parse_pasted("--learning_rate 3e-4 --seed 7 --noise_offset 0 --vae 'a, b.pt' --network_dim 8")
    given = {
        "learning_rate": "1e-4, 3e-4",
        "seed": "7.0",
        "noise_offset": "0.1",
        "vae": "none",
        "network_dim": "",
    }
    assert pasted.overridden(given) == {
        "learning_rate": ("1e-4, 3e-4", 3e-4),
        "noise_offset": ("0.1", 0.0),
        "vae": ("none", '"a, b.pt"'),
    }


PLAIN = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=15).filter(
    lambda text: text.strip() == text and text.lower() != "none" and "“" not in text and "”" not in text
)
TEXTS = [row for row in ROWS if row.name in KNOWN and row.kind == "str" and not row.choices]
FLAGS = [row for row in ROWS if row.name in KNOWN and row.kind == "bool"]


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.sampled_from([row.name for row in TEXTS]), PLAIN, max_size=4),
    st.dictionaries(st.sampled_from([row.name for row in FLAGS]), st.booleans(), max_size=3),
    st.lists(st.floats(0, 1), max_size=3),
)
def test_shell_quoting_gives_back_what_was_quoted(
    texts: dict[str, str], flags: dict[str, bool], rates: list[float]
) -> None:
    values = {**texts, **flags, "seed": 1, **({"learning_rate": rates[0]} if rates else {})}
    text = " ".join(f"--{name}={shlex.quote(str(value))}" for name, value in values.items())
    pasted = parse_pasted("train_network.py " + text)
    assert pasted.values == values
    for name, value in pasted.settings.items():
        assert parse_values(ARGUMENTS[name], value) == [values[name]]
        assert as_setting(ARGUMENTS[name], values[name]) == value
