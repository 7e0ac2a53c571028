"""Presets: those that ship, a person's own, combined, and as an axis."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings, write_safetensors

from train_tools import cli
from train_tools.arguments.config_file import check
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.registry import BY_NAME
from train_tools.planning.plan import Plan, make_plan
from train_tools.planning.presets import all_presets, by_fit, combined, delete, own_folder, save, shipped
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_for(version: Version, tmp_path: Path, **changes: str) -> Plan:
    return make_plan(version, settings(tmp_path, **changes))


def test_those_that_ship_say_what_they_are_for_and_where_from() -> None:
    presets = shipped()
    wanted = {"character-good", "character-poor", "style", "concept", "easy-dadaptadam", "easy-prodigy"}
    wanted |= {f"category-{letter}" for letter in "abcdefghi"} | {f"vram-{gb}gb" for gb in (6, 8, 12, 16, 24)}
    assert wanted <= set(presets)
    for preset in presets.values():
        assert preset.help
        assert preset.zh
        assert preset.source
        assert preset.training


def test_a_preset_stands_under_what_is_set(version: Version, tmp_path: Path) -> None:
    (run,) = plan_for(version, tmp_path, preset="style", network_dim="7").runs
    assert (run.arguments["network_dim"], run.arguments["network_alpha"]) == (7, 48)
    (both,) = plan_for(version, tmp_path, preset="style + vram-24gb", train_batch_size="").runs
    assert (both.arguments["network_dim"], both.arguments["text_encoder_lr"]) == (96, 4e-5)


def test_a_preset_is_an_axis(version: Version, tmp_path: Path) -> None:
    plan = plan_for(version, tmp_path, preset="style,concept")
    assert [run.arguments["network_dim"] for run in plan.runs] == [96, 32]
    assert [run.label for run in plan.runs] == ["preset style", "preset concept"]
    assert "preset-style" in plan.runs[0].name


def test_on_sdxl_ranks_are_a_quarter(version: Version, tmp_path: Path) -> None:
    base = tmp_path / "xl.safetensors"
    write_safetensors(base, {"conditioner.embedders.1.model.ln_final.weight": (8,)})
    (run,) = plan_for(version, tmp_path, preset="style", pretrained_model_name_or_path=str(base)).runs
    assert run.arguments["network_dim"] == 24
    assert combined("style", shipped(), "sd1")["network_dim"] == 96


def test_ones_own_are_saved_found_and_put_away(version: Version, tmp_path: Path) -> None:
    own = own_folder(version)
    save(own, "我的", {"network_dim": "12", "optimizer_args": "weight_decay=0.1"}, "mine")
    save(own, "style", {"network_dim": 5})
    presets = all_presets(own)
    assert presets["我的"].training == {"network_dim": 12, "optimizer_args": ["weight_decay=0.1"]}
    assert presets["style"].is_own
    assert plan_for(version, tmp_path, preset="我的").runs[0].arguments["network_dim"] == 12
    trash = delete(own, "style")
    assert trash.is_file()
    assert not all_presets(own)["style"].is_own
    with pytest.raises(UsageError, match="those that ship can't be deleted"):
        delete(own, "style")


def test_what_a_preset_cant_be(version: Version, tmp_path: Path) -> None:
    own = own_folder(version)
    with pytest.raises(UsageError, match="would hold nothing"):
        save(own, "x", {})
    with pytest.raises(UsageError, match="holds 2 values"):
        save(own, "x", {"network_dim": "1,2"})
    with pytest.raises(UsageError, match="did you mean network_dim"):
        save(own, "x", {"network_dims": "1"})
    with pytest.raises(UsageError, match="preset"):
        save(own, "a/b", {"network_dim": "1"})
    assert not own.exists() or not list(own.iterdir())
    with pytest.raises(UsageError, match="did you mean style"):
        plan_for(version, tmp_path, preset="styl")
    own.mkdir(parents=True, exist_ok=True)
    (own / "bad.toml").write_text("[training]\nnetwork_dim = 'many'\n", encoding="utf-8")
    with pytest.raises(UsageError, match="preset bad: network_dim can't be many"):
        plan_for(version, tmp_path, preset="style")


def test_the_command(version: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert cli.main(["presets", "save", "mine", "p", "v1", "--set", "network_dim=9", *root]) == 0
    capsys.readouterr()
    assert cli.main(["presets", "list", "--json", *root]) == 0
    listed = json.loads(capsys.readouterr().out)["presets"]
    assert {p["name"]: p["is_own"] for p in listed}["mine"]
    assert cli.main(["presets", "show", "mine", *root]) == 0
    assert "network_dim = 9" in capsys.readouterr().out
    assert cli.main(["presets", "delete", "mine", *root]) == 0
    assert cli.main(["presets", "show", "mine", *root]) == 2
    assert "presets list" in capsys.readouterr().err


XL = {"conditioner.embedders.1.model.ln_final.weight": (8,)}


def test_a_familys_own_say_when_and_for_what() -> None:
    own = {name: preset for name, preset in shipped().items() if preset.families}
    assert {"illustrious", "noobai", "noobai-vpred", "pony", "anima", "flux", "chroma"} <= set(own)
    for preset in own.values():
        assert preset.source.startswith("https://"), preset.name
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", preset.date), preset.name
        for family in preset.families:
            values = preset.settings_for(family)
            for argument in values:
                assert ARGUMENTS[argument].is_known_in(family), (preset.name, argument)
            whole = {**BY_NAME[family].training.defaults, **values}
            assert check(whole, BY_NAME[family], is_whole=False) == [], preset.name


@pytest.mark.parametrize(
    ("file", "first", "never"),
    [
        ("Illustrious-XL-v2.0.safetensors", {"illustrious", "illustrious-prodigy"}, {"pony", "noobai-vpred"}),
        ("waiIllustriousSDXL_v150.safetensors", {"illustrious", "illustrious-prodigy"}, {"pony"}),
        ("NoobAI-XL-v1.1.safetensors", {"noobai", "illustrious", "illustrious-prodigy"}, {"noobai-vpred"}),
        (
            "NoobAI-XL-Vpred-v1.0.safetensors",
            {"noobai-vpred", "illustrious", "illustrious-prodigy"},
            {"noobai"},
        ),
        ("ponyDiffusionV6XL.safetensors", {"pony"}, {"illustrious", "noobai"}),
        ("sd_xl_base_1.0.safetensors", set(), {"illustrious", "pony", "noobai"}),
    ],
)
def test_those_that_fit_the_base_model_come_first(
    tmp_path: Path, file: str, first: set[str], never: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_safetensors(tmp_path / file, XL)
    root = ["--root", str(tmp_path / "root")]
    assert cli.main(["presets", "list", "--for", str(tmp_path / file), "--json", *root]) == 0
    listed = json.loads(capsys.readouterr().out)["presets"]
    suggested = {preset["name"] for preset in listed if preset["fit"] == "suggested"}
    assert suggested == first
    assert {preset["name"] for preset in listed[: len(first)]} == first
    assert not suggested & never
    assert {preset["fit"] for preset in listed if preset["name"] in ("flux", "anima")} == {"other family"}


def test_what_the_file_says_of_velocity_counts_more_than_its_name(tmp_path: Path) -> None:
    file = tmp_path / "some-noob-mix.safetensors"
    write_safetensors(file, {**XL, "v_pred": (1,)})
    fits = {preset.name: fit for fit, preset in by_fit(shipped(), detect(file), str(file))}
    assert (fits["noobai-vpred"], fits["noobai"]) == ("suggested", "other name")


def test_a_preset_for_another_family_is_warned_of(version: Version, tmp_path: Path) -> None:
    base = tmp_path / "xl.safetensors"
    write_safetensors(base, XL)
    changes = {"pretrained_model_name_or_path": str(base), "preset": "chroma+style"}
    said = [finding.sentence for finding in plan_for(version, tmp_path, **changes).findings]
    assert "the preset chroma is for Chroma, and the base model is Stable Diffusion XL" in said
    plan = plan_for(version, tmp_path, **{**changes, "preset": "illustrious+vram-8gb"})
    assert [finding for finding in plan.findings if finding.id == "preset-family"] == []
    assert (plan.runs[0].arguments["network_dim"], plan.runs[0].arguments["text_encoder_lr"]) == (32, 3e-5)


def test_ones_own_with_a_setting_that_isnt_known_any_more_spoils_no_other(
    version: Version, tmp_path: Path
) -> None:
    own = own_folder(version)
    own.mkdir(parents=True)
    (own / "newer.toml").write_text("[training]\nnetwork_dim = 8\nvelvet = 1\n", encoding="utf-8")
    assert plan_for(version, tmp_path, preset="style").runs
    with pytest.raises(UsageError, match="preset newer: there is no training argument 'velvet'"):
        plan_for(version, tmp_path, preset="newer")
