"""What a plan says of captions that no run would learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings
from PIL import Image

from train_tools.planning.caption_checks import reading_of
from train_tools.planning.findings import Finding
from train_tools.planning.fixes import Runs, fix_for
from train_tools.planning.plan import make_plan
from train_tools.tags.separators import Reading
from train_tools.workspace.settings import update
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """Four images of the concept zorb, without captions."""
    return make_version(tmp_path)


def caption(version: Version, *texts: str, ending: str = ".txt") -> None:
    images = sorted((version.processed / "3_zorb").glob("*.png"))
    for image, text in zip(images, texts, strict=False):
        image.with_suffix(ending).write_bytes(text.encode("utf-8"))


def plan_of(version: Version, root: Path, engine: str = "", **changes: str) -> dict[str, Finding]:
    plan = make_plan(version, settings(root, **changes), engine)
    return {finding.id: finding for finding in plan.findings}


@pytest.mark.parametrize("asked", [".caption", "txt", ".cap"])
def test_captions_of_another_ending_are_an_error(version: Version, tmp_path: Path, asked: str) -> None:
    caption(version, *["zorb, red"] * 4)
    finding = plan_of(version, tmp_path, caption_extension=asked)["captions-other-ending"]
    assert finding.severity == "error"
    assert repr(asked) in finding.sentence
    assert "4 end in .txt" in finding.sentence
    assert finding.fix == "set caption_extension .txt"
    assert fix_for(finding.id, Runs([{}], [1])) == {"caption_extension": ".txt"}
    assert "captions-other-ending" not in plan_of(version, tmp_path)


def test_without_any_caption_there_is_nothing_to_say(version: Version, tmp_path: Path) -> None:
    """A LoRA with one trigger word is trained so."""
    assert not [
        name for name in plan_of(version, tmp_path, caption_extension=".caption") if "caption" in name
    ]


def test_some_without_and_some_empty(version: Version, tmp_path: Path) -> None:
    caption(version, "zorb, red", " \n", "zorb")
    seen = plan_of(version, tmp_path)
    assert seen["captions-missing"].sentence.startswith("1 of 4 images have no caption that ends in '.txt'")
    assert seen["captions-empty"].sentence.startswith("1 caption(s) are empty")
    caption(version, "zorb, red", "")
    assert plan_of(version, tmp_path)["captions-empty"].severity == "warning"
    assert plan_of(version, tmp_path, "sd-scripts")["captions-zero-bytes"].severity == "error"


def test_lines_of_which_one_is_read(version: Version, tmp_path: Path) -> None:
    caption(version, "zorb,\nred hair", "zorb, red", "\nzorb, red", "zorb\n")
    assert plan_of(version, tmp_path)["captions-lines"].sentence.startswith(
        "2 of 4 captions have several lines"
    )
    assert "captions-lines" not in plan_of(version, tmp_path, enable_wildcard="true")


def test_other_separators_and_what_they_make_useless(version: Version, tmp_path: Path) -> None:
    caption(version, "zorb，red hair，smile", "zorb, red", "a；b", "zorb")
    sentence = plan_of(version, tmp_path)["captions-separators"].sentence
    assert sentence.startswith("2 of 4 captions divide tags by ， ；,")
    assert "can't tell" not in sentence
    sentence = plan_of(version, tmp_path, shuffle_caption="true", keep_tokens="1")[
        "captions-separators"
    ].sentence
    assert sentence.endswith("; shuffle_caption and keep_tokens can't tell its tags apart")
    caption(version, *["zorb;red hair;smile"] * 4)
    assert "captions-separators" in plan_of(version, tmp_path)
    assert "captions-separators" not in plan_of(version, tmp_path, caption_separator='";"')


@pytest.mark.parametrize(
    ("texts", "changes", "words"),
    [
        (["zorb"] * 4, {}, "there is but one tag in 4 of 4"),
        (["a photo of zorb in the rain"] * 4, {}, "there is but one tag in 4 of 4"),
        ([], {}, "no image has a caption"),
        (["zorb, red, hat"] * 4, {"keep_tokens": "2"}, "keep_tokens 2 leaves less than two tags in 4 of 4"),
        (["zorb, red, hat"] * 4, {"keep_tokens": "1"}, ""),
        (["zorb ||| red, hat"] * 4, {"keep_tokens": "2", "keep_tokens_separator": "|||"}, ""),
        (["zorb;red;hat"] * 4, {"caption_separator": '";"'}, ""),
        (["zorb, red, hat", "zorb, red", "zorb", "zorb"], {}, ""),  # half of them
        (["zorb\nzorb, red"] * 4, {"enable_wildcard": "true"}, ""),
    ],
)
def test_shuffling_what_cant_be_shuffled(
    version: Version, tmp_path: Path, texts: list[str], changes: dict[str, str], words: str
) -> None:
    caption(version, *texts)
    seen = plan_of(version, tmp_path, shuffle_caption="true", **changes)
    assert ("nothing-to-shuffle" in seen) == bool(words)
    assert not words or words in seen["nothing-to-shuffle"].sentence
    assert "nothing-to-shuffle" not in plan_of(version, tmp_path, **changes)


def test_the_fix_takes_out_what_shuffles() -> None:
    runs = Runs([{"shuffle_caption": True}, {"shuffle_caption": False}], [1, 1])
    assert fix_for("nothing-to-shuffle", runs) == {"shuffle_caption": ""}


def test_regularisation_images_that_are_called_like_the_lora(version: Version, tmp_path: Path) -> None:
    for name in ("1_zorb", "1_person"):
        (version.reg / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(version.reg / name / "r.png")
    finding = plan_of(version, tmp_path)["reg-trigger"]
    assert finding.sentence.startswith("1 regularisation image(s) are trained with the trigger word")
    assert "reg-trigger" not in plan_of(version, tmp_path, use_reg_images="false")


@pytest.mark.parametrize(
    ("saved", "reading"),
    [
        ({}, Reading()),
        ({"enable_wildcard": "true"}, Reading(takes_lines=True)),
        ({"enable_wildcard": "true,false"}, Reading()),
        ({"enable_wildcard": True, "caption_separator": '";"'}, Reading(";", True)),
        ({"enable_wildcard": "perhaps"}, Reading()),
    ],
)
def test_how_the_planned_runs_read(version: Version, saved: dict[str, object], reading: Reading) -> None:
    update(version, "training", saved)
    assert reading_of(version) == reading
