"""What people call a base model leads to its family, or to who trains it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings

from train_tools import cli
from train_tools.errors import UsageError
from train_tools.families.known import KNOWN
from train_tools.families.registry import FAMILIES, family_named
from train_tools.planning.imports.read import import_settings
from train_tools.planning.plan import make_plan


@pytest.mark.parametrize(
    ("words", "family"),
    [
        (
            "wai animagine noobai-vpred NoobAI_eps illustrious Pony ponyDiffusionV6XL waiNSFWIllustrious_v140",
            "sdxl",
        ),
        ("noobaiXLNAIXL_vPred10Version prefectPonyXL_v4 animagine-xl-4.0 sd_xl_base_1.0", "sdxl"),
        ("FLUX.1 flux-dev flux1-krea-dev kontext", "flux"),
        ("chroma Chroma1-HD chroma-unlocked-v48", "chroma"),
        ("anima anima-base-v1.0 AnimaYume_v03", "anima"),
        ("sd1.5 nai", "sd1"),
        ("sd2.1", "sd2"),
        ("sd35 sd3.5_large", "sd3"),
        ("lumina-image-2.0 NetaYume netaYumeLumina_v3", "lumina"),
        ("hunyuan HunyuanImage-2.1", "hunyuan_image"),
    ],
)
def test_words_for_families_that_are_trained(words: str, family: str) -> None:
    assert {word: family_named(word).name for word in words.split()} == dict.fromkeys(words.split(), family)


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("klein flux2 FLUX.2 flux-2-klein-9b", "FLUX.2"),
        ("qwen Qwen-Image qwen_image_edit_2509", "Qwen-Image"),
        ("z-image zimage z_image_turbo_bf16", "Z-Image"),
        ("wan wan2.2 wan2.2_t2v_high_noise_14B", "Wan"),
        ("krea2 krea-2", "Krea 2"),
        ("hidream HiDream-I1-Full", "HiDream"),
        ("hunyuan-video", "HunyuanVideo"),
        ("ltx ltxv", "LTX-Video"),
        ("ponyv7 pony-v7", "AuraFlow"),
    ],
)
def test_words_for_families_that_others_train(words: str, title: str) -> None:
    for word in words.split():
        with pytest.raises(
            UsageError, match=rf"{word} belongs to {title}.*, a family that isn't trained here; .+ can"
        ):
            family_named(word)


def test_a_word_that_means_nothing_names_those_that_do() -> None:
    with pytest.raises(UsageError, match="there are: sd1, sd2, sdxl"):
        family_named("dalle")
    for family in FAMILIES:
        assert family_named(family.title) is family
    assert len({known.words for known in KNOWN if known.words}) == len(
        [known for known in KNOWN if known.words]
    )


def test_the_setting_takes_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = make_version(tmp_path)
    given = settings(tmp_path)
    by_word = make_plan(version, {**given, "family": "noobai-vpred"}).runs[0]
    assert by_word.arguments["family"] == "sdxl"
    with pytest.raises(UsageError, match=r"^family: klein belongs to FLUX\.2"):
        make_plan(version, {**given, "family": "klein"})
    assert cli.main(["arguments", "list", "--family", "wai", "--json", "--root", str(tmp_path)]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)["arguments"]}
    assert "no_half_vae" in names
    assert cli.main(["arguments", "list", "--family", "qwen", "--root", str(tmp_path)]) == 2
    assert "musubi-tuner" in capsys.readouterr().err
    assert cli.main(["arguments", "show", "family", "--json", "--root", str(tmp_path)]) == 0


def test_an_import_goes_by_the_base_models_name(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"

    def base(name: str) -> None:
        file.write_text(
            f'pretrained_model_name_or_path = "C:\\\\models\\\\{name}"\nnetwork_dim = 8\n', "utf-8"
        )

    base("waiNSFWIllustrious_v140.safetensors")
    assert import_settings(file).family == "sdxl"
    base("anime v2.ckpt")
    assert import_settings(file).family == "sd1"
    base("z_image_turbo_bf16.safetensors")
    with pytest.raises(UsageError, match=r"the base model z_image_turbo_bf16.safetensors belongs to Z-Image"):
        import_settings(file)
    assert import_settings(file, "sdxl").family == "sdxl"
