"""A run's TOML, edited by hand, back as settings or as an override."""

from __future__ import annotations

from typing import Any

import pytest

from train_tools.arguments.table import ARGUMENTS
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.edited import as_override, as_settings, edited, run_toml
from train_tools.planning.rules import parse_override
from train_tools.planning.setting_text import one_text

RUN: dict[str, Any] = {
    "learning_rate": 0.0001, "network_dim": 16, "optimizer_type": "AdamW", "flip_aug": True,
    "optimizer_args": ["weight_decay=0.1", "betas=0.9, 0.99"], "resolution": "512,512",
    "output_dir": "/x/y", "vae": "/models/a; b.safetensors",
}  # fmt: skip


def test_nothing_edited_changes_nothing() -> None:
    assert edited(RUN, run_toml(RUN)) == {}


def test_what_was_edited_comes_typed() -> None:
    text = run_toml(RUN).replace("network_dim = 16", 'network_dim = "24"').replace("flip_aug = true\n", "")
    text += 'text_encoder_lr = [5e-5, 1e-5]\nseed = 7\n[section]\ncaption_prefix = "a, b"\n'
    assert edited(RUN, text) == {
        "network_dim": 24,
        "flip_aug": False,
        "text_encoder_lr": [5e-5, 1e-5],
        "seed": 7,
        "caption_prefix": "a, b",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer_args", ["decouple=True", "betas=0.9, 0.99"]), ("resolution", "640,768"),
        ("vae", "/models/a; b.safetensors"), ("caption_prefix", 'say "hi"; x'), ("vae", None), ("flip_aug", False),
        ("learning_rate", 3e-05), ("text_encoder_lr", [5e-5, 1e-5]),
        ("lr_warmup_steps", 0.1), ("network_args", ["conv_dim=4"]),
    ],
)  # fmt: skip
def test_a_value_survives_as_setting_and_as_override(name: str, value: Any) -> None:
    assert parse_values(ARGUMENTS[name], as_settings({name: value})[name]) == [value]
    rule = parse_override(as_override({**RUN, name: value}, ["learning_rate", name], {name: value}))
    assert dict(rule.changes) == {name: value}
    assert rule.holds({**RUN, name: value})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network_dim = ", "TOML"), ("network_dmi = 4", "network_dim"), ('output_dir = "/z"', "output_dir"),
        ("network_dim = 0", "network_dim"), ("network_dim = [1, 2]", "one"),
    ],
)  # fmt: skip
def test_what_cant_be_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        edited({}, text)


def test_leaving_out_what_is_ours_is_refused() -> None:
    with pytest.raises(UsageError, match="output_dir"):
        edited(RUN, run_toml({name: value for name, value in RUN.items() if name != "output_dir"}))


def test_no_rule_sees_presets_and_datasets() -> None:
    with pytest.raises(UsageError, match="preset"):
        as_override(RUN, ["preset"], {"network_dim": 8})
    with pytest.raises(UsageError, match="only one"):
        as_override(RUN, [], {"network_dim": 8})


def test_words_with_blanks_keep_their_quotes() -> None:
    assert one_text(ARGUMENTS["optimizer_args"], ["a=1", "b=2, 3"]) == 'a=1 "b=2, 3"'
