from __future__ import annotations

import json
from pathlib import Path

import pytest

import train_tools
from train_tools import cli
from train_tools.arguments.table import ARGUMENTS
from train_tools.commands.settings_catalogue import all_entries
from train_tools.commands.settings_words import markdown
from train_tools.workspace import toml
from train_tools.workspace.workspace import Workspace

PAGE = Path(train_tools.__file__).parents[1] / "docs" / "settings.md"
NOT_YET_IN_CHINESE: set[str] = set()


@pytest.fixture
def root(tmp_path: Path) -> list[str]:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    workspace.create_version("zorb", "v1")
    return ["--root", str(tmp_path)]


def file_of(root: list[str]) -> Path:
    return Workspace(Path(root[1])).version("zorb", "v1").settings_file


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8").rstrip("\n") == markdown(all_entries()).rstrip("\n"), (
        "run `python -m train_tools settings explain --markdown > docs/settings.md`"
    )


def test_every_setting_is_explained_in_both_languages() -> None:
    for section, entries in all_entries().items():
        assert entries
        for entry in entries:
            assert entry.help, f"{section}.{entry.name}"
            is_for_few = entry.name in ARGUMENTS and ARGUMENTS[entry.name].importance == "expert"
            if section not in NOT_YET_IN_CHINESE and not is_for_few:
                assert any("\u4e00" <= character <= "\u9fff" for character in entry.zh), (
                    f"{section}.{entry.name}"
                )


def test_every_default_is_a_value_that_may_be_set(
    root: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for section, entries in all_entries().items():
        given = [f"{section}.{entry.name}={entry.default}" for entry in entries if entry.default]
        assert cli.main(["settings", "set", "zorb", "v1", *given, *root]) == 0, capsys.readouterr().err


def test_set_show_and_reset(root: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["dataset.width=768", "flip=yes", "learning_rate=1e-4,3e-4", "weights=0,1"]
    assert cli.main(["settings", "set", "zorb", "v1", *changes, *root]) == 0
    data = toml.load(file_of(root))
    assert data["dataset"] == {"width": 768, "flip": True}
    assert data["training"] == {"learning_rate": "1e-4,3e-4"}
    assert data["preview"] == {"weights": [0.0, 1.0]}
    capsys.readouterr()
    assert cli.main(["settings", "show", "zorb", "v1", *root]) == 0
    shown = capsys.readouterr().out
    assert "width = 768" in shown
    assert "height" not in shown
    assert cli.main(["settings", "show", "zorb", "v1", "--all", *root]) == 0
    assert "height = 512  (default)" in capsys.readouterr().out
    assert cli.main(["settings", "reset", "zorb", "v1", "dataset.width", "training", *root]) == 0
    assert toml.load(file_of(root))["dataset"] == {"flip": True}
    assert toml.load(file_of(root))["training"] == {}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("width=768", "dataset.width or preview.width"),
        ("dataset.width=7", "a whole number from 8"),
        ("dataset.widht=8", "did you mean width?"),
        ("nothing.width=8", "there is no section 'nothing'"),
        ("learning_rate=fast", "learning_rate can't be fast"),
        ("pack_size=1,2", "one value"),
        ("=5", "NAME=VALUE"),
        ("width", "NAME=VALUE"),
    ],
)
def test_one_wrong_value_changes_nothing(
    root: list[str], capsys: pytest.CaptureFixture[str], assignment: str, words: str
) -> None:
    assert cli.main(["settings", "set", "zorb", "v1", "flip=yes", assignment, *root]) == 2
    assert words in capsys.readouterr().err
    assert not file_of(root).exists()


def test_what_nobody_knows_is_kept_and_named(root: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    text = "extra = 1\n[dataset]\nold_one = 2\nwidth = 640\n[training]\nxyz = 3\n[plugin]\ny = 4\n"
    file_of(root).write_text(text, encoding="utf-8")
    assert cli.main(["settings", "set", "zorb", "v1", "dataset.height=640", *root]) == 0
    data = toml.load(file_of(root))
    assert (data["extra"], data["dataset"]["old_one"], data["training"], data["plugin"]) == (
        1,
        2,
        {"xyz": 3},
        {"y": 4},
    )
    capsys.readouterr()
    assert cli.main(["settings", "show", "zorb", "v1", "--json", *root]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["unknown"] == ["extra", "plugin", "dataset.old_one", "training.xyz"]
    assert document["settings"]["dataset"]["width"] == {"value": 640, "is_set": True, "default": "512"}
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0  # it does no harm elsewhere
    assert cli.main(["settings", "reset", "zorb", "v1", "dataset.old_one", *root]) == 0
    assert "old_one" not in toml.load(file_of(root))["dataset"]


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["settings", "explain", "training.network_dim", "--language", "zh"]) == 0
    text = capsys.readouterr().out
    assert "LoRA 的容量" in text
    assert "整数，1 到 100000" in text
    assert "可作为轴" in text
    assert cli.main(["settings", "explain", "preview", "--json"]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    axes = [entry["name"] for entry in settings if entry["is_axis"]]
    assert axes[:2] == ["prompts", "prompt_sr"]
    assert {"weights", "seed", "sampler", "base_models", "block_weights"} <= set(axes)
    assert cli.main(["settings", "explain", "width"]) == 0
    assert capsys.readouterr().out.count("takes:") == 2
    assert cli.main(["settings", "explain", "widht"]) == 2
