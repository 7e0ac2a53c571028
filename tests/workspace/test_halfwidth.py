"""What a Chinese keyboard types is understood as its half-width twin, here and in the page alike."""

from __future__ import annotations

import json
import re

import pytest

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.captioning.settings import CaptioningSettings
from train_tools.dataset.settings import DatasetSettings
from train_tools.preview.choice import chosen_checkpoints
from train_tools.preview.settings import PreviewSettings
from train_tools.tags.synonyms import parse_pairs
from train_tools.ui.server import STATIC
from train_tools.workspace import halfwidth
from train_tools.workspace.fields import build, parse_assignments


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("learning_rate", "1e-4，3e-4", [1e-4, 3e-4]),
        ("learning_rate", "１ｅ－４、 ３ｅ－４", [1e-4, 3e-4]),
        ("learning_rate", "0。5", [0.5]),
        ("network_dim", "４－１６（＋４）", [4, 8, 12, 16]),
        ("network_dim", "1～10【4】", [1, 4, 7, 10]),
        ("resolution", "512，768；640×640", ["512,768", "640,640"]),
        ("optimizer_type", "Ｌｉｏｎ，adamw", ["Lion", "AdamW"]),
        ("optimizer_args", "betas＝0.9，0.99；weight_decay=0", [["betas=0.9,0.99"], ["weight_decay=0"]]),
        ("flip_aug", "ｔｒｕｅ，false", [True, False]),
        ("preset", "style、concept", ["style", "concept"]),
        (
            "overrides",
            "optimizer_type＝Prodigy → learning_rate＝1",
            ["optimizer_type=Prodigy -> learning_rate=1"],
        ),
        (
            "vae",
            "/m/甲，乙.pt，/m/c.safetensors",
            ["/m/甲，乙.pt", "/m/c.safetensors"],
        ),  # a name may hold one
        ("caption_prefix", "一只猫，白色；", ["一只猫，白色；"]),  # prose stays as it is
    ],
)
def test_values_of_a_plan(name: str, text: str, values: list[object]) -> None:
    assert parse_values(argument_named(name), text) == values


def test_settings_of_every_kind() -> None:
    given = {
        "width": "５１２", "repeats": "－１", "split_threshold": "０．５", "small_images": "ｓｋｉｐ",
        "concept_repeats": "猫：３，白，狗：－１、c:2",
    }  # fmt: skip
    dataset = build(DatasetSettings, given)
    assert (dataset.width, dataset.repeats, dataset.split_threshold, dataset.small_images) == (
        512,
        -1,
        0.5,
        "skip",
    )
    assert dataset.concept_repeats == ("猫:3", "白，狗:-1", "c:2")  # a concept's own comma is kept
    captions = build(
        CaptioningSettings, {"captioner": "wd，blip", "undesired_tags": "猫、狗", "text": "一只猫，坐着"}
    )
    assert (captions.captioner, captions.undesired_tags) == (("wd", "blip"), ("猫", "狗"))
    assert captions.text == "一只猫，坐着"
    preview = build(
        PreviewSettings, {"weights": "０，０．５、１", "sizes": "512，768；640", "seed": "１，２"}
    )
    assert (preview.weights, preview.sizes, preview.seed) == ((0, 0.5, 1), ("512,768", "640,640"), (1, 2))
    assert chosen_checkpoints([*"abcd"], [1, 2, 3, 4], "last，１－２") == ["a", "b", "d"]


def test_the_command_lines_assignments() -> None:
    assert parse_assignments(["learning_rate＝1e-4，3e-4"]) == {"learning_rate": "1e-4，3e-4"}


def test_the_page_reads_the_same() -> None:
    script = (STATIC / "kit" / "halfwidth.js").read_text("utf-8")
    signs, commas = (
        json.loads(re.sub(r",\s*}", "}", found).replace("'\"'", '"\\""'))
        for found in re.findall(r"const (?:SIGNS|COMMAS) = ({.*?});", script, re.DOTALL)
    )
    assert signs == halfwidth.SIGNS
    assert str.maketrans(commas) == halfwidth.COMMAS
    assert set(re.findall(r"(\w+): half\w+|(files): commas", script)) == {
        ("all", ""),
        ("commas", ""),
        ("", "files"),
    }


def test_tags_that_mean_the_same() -> None:
    assert list(parse_pairs(["旧，老＝新"])) == ["旧", "老"]
