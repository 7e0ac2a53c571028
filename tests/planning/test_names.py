from __future__ import annotations

from typing import Any

import pytest

from train_tools.planning.names import digest, run_id, run_name

KNOWN: dict[str, Any] = {
    "pretrained_model_name_or_path": "/models/sd/v1-5-pruned-emaonly.safetensors",
    "train_batch_size": 10,
    "max_train_epochs": 10,
    "optimizer_type": "Lion",
    "learning_rate": 0.0001,
    "network_dim": 128,
    "network_alpha": 64.0,
}


@pytest.mark.parametrize(
    ("changes", "further", "name"),
    [
        ({}, [], "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64"),
        ({}, ["learning_rate"], "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64"),
        ({"learning_rate": 1e-5}, [], "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_00001-net-128-ap-64"),
        ({"learning_rate": 1.0, "network_alpha": 0.5}, [],
         "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-1-net-128-ap-0_5"),
        ({"seed": 7, "flip_aug": True}, ["seed", "flip_aug"],
         "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64-seed-7-flip-true"),
        ({"resolution": "512,768"}, ["resolution"],
         "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64-res-512x768"),
        ({"optimizer_args": ["betas=0.9,0.99", "weight_decay=0"]}, ["optimizer_args"],
         "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64-oa-betas=0_9_0_99+weight_decay=0"),
        ({"pretrained_model_name_or_path": "C:\\models\\动漫 v2.1.ckpt", "clip_skip": None}, ["clip_skip"],
         "动漫_v2_1-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64-cs-none"),
        ({"caption_prefix": '../a: "b" <c>|?*'}, ["caption_prefix"],
         "v1-5-pruned-emaonly-bs-10-ep-10-op-Lion-lr-0_0001-net-128-ap-64-pre-a_b_c"),
    ],
)  # fmt: skip
def test_names(changes: dict[str, Any], further: list[str], name: str) -> None:
    assert run_name({**KNOWN, **changes}, further) == name


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    names = {run_name({**KNOWN, "caption_prefix": "很" * 60 + end}, ["caption_prefix"]) for end in "一二三"}
    assert len(names) == 3
    assert all(len(name.encode()) <= 150 for name in names)
    assert all(name.startswith("v1-5-pruned-emaonly-bs-10") for name in names)


def test_an_id_is_short_and_of_the_content_alone() -> None:
    content = digest({**KNOWN, "output_dir": "/a", "train_data_dir": "/a"}, "f")
    moved = {
        **KNOWN,
        "output_dir": "/b",
        "pretrained_model_name_or_path": "D:/v1-5-pruned-emaonly.safetensors",
    }
    assert digest(moved, "f") == content
    others = [digest({**KNOWN, "seed": 1}, "f"), digest(KNOWN, "g")]
    assert len({content, *others}) == 3
    short = run_id(content, "p", "v", {})
    assert len(short) == 8
    assert short.isalnum()
    assert run_id(content, "p", "v", {short: content}) == short
    longer = run_id(content, "p", "v", {short: others[0]})
    assert longer.startswith(short)
    assert len(longer) == 9


def test_versions_share_no_id() -> None:
    content = digest(KNOWN, "f")
    owners = [("p", "v"), ("q", "v"), ("p", "w"), ("画", "v")]
    assert len({run_id(content, project, version, {}) for project, version in owners}) == len(owners)
