from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hosts.doubles import install

from train_tools.hosts import door_settings
from train_tools.hosts.door_settings import HIDDEN, MODES, OPTIONS, add_to_settings_page, surroundings
from train_tools.hosts.interface import KEEP, PAUSE, WAIT, Folders
from train_tools.workspace.begin_version import VARIABLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    data: dict[str, Any] = install(monkeypatch, folder=tmp_path).opts.data
    return data


def test_the_predecessors_folder_is_the_default(options: dict[str, Any], tmp_path: Path) -> None:
    assert door_settings.root(Folders(tmp_path)) == tmp_path / "outputs"
    options["train_tools_root"] = " work "
    assert door_settings.root(Folders(tmp_path)) == tmp_path / "work"
    options["train_tools_root"] = str(tmp_path / "far")
    assert door_settings.root(Folders(tmp_path)) == tmp_path / "far"


def test_the_webuis_own_python_never_trains(options: dict[str, Any], tmp_path: Path) -> None:
    around = surroundings(tmp_path, {"TRAIN_TOOLS_ENV": "current", "PATH": "/bin"})
    assert around.variables == {"TRAIN_TOOLS_ROOT": str(tmp_path), "PATH": "/bin"}


def test_a_folder_for_the_environment(options: dict[str, Any], tmp_path: Path) -> None:
    options["train_tools_environment"] = str(tmp_path / "env")
    assert surroundings(tmp_path, {}).variables["TRAIN_TOOLS_ENV"] == str(tmp_path / "env")


def test_a_python_that_has_all_is_taken_as_it_is(options: dict[str, Any], tmp_path: Path) -> None:
    options["train_tools_environment"] = sys.executable
    around = surroundings(tmp_path, {})
    assert (around.python, around.variables["TRAIN_TOOLS_ENV"]) == (sys.executable, "current")


def test_mirrors_and_gpus_reach_our_processes(options: dict[str, Any], tmp_path: Path) -> None:
    options |= {
        "train_tools_package_index": "https://mirror.example/simple",
        "train_tools_hugging_face": "https://hub.example/",
        "train_tools_gpus": "1",
    }
    variables = surroundings(tmp_path, {"HF_ENDPOINT": "https://other.example"}).variables
    assert variables["PIP_INDEX_URL"] == variables["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert variables["HF_ENDPOINT"] == "https://hub.example"
    assert variables["CUDA_VISIBLE_DEVICES"] == "1"


def test_the_mode_is_what_is_set_now(options: dict[str, Any]) -> None:
    assert door_settings.memory_mode() == WAIT
    options["train_tools_model_while_training"] = next(text for text, mode in MODES.items() if mode == KEEP)
    assert door_settings.memory_mode() == KEEP
    options["train_tools_model_while_training"] = "what an older version had"
    assert door_settings.memory_mode() == WAIT


def test_a_paused_training_goes_on_as_it_is_set(options: dict[str, Any]) -> None:
    options["train_tools_go_on_minutes"] = "1.5"
    assert door_settings.go_on_after() == 90
    options["train_tools_go_on_minutes"] = ""
    assert door_settings.go_on_after() is None
    by_itself = next(text for text, mode in MODES.items() if mode == PAUSE)
    options["train_tools_model_while_training"] = by_itself
    assert door_settings.go_on_after() == 60, "nobody pressed a button, so nobody needs to press another"


class OptionInfo:
    """modules/options.py, v1.10.1."""

    def __init__(
        self, default: Any = None, label: str = "", component: Any = None, component_args: Any = None,
        onchange: Any = None, section: Any = None,
    ) -> None:  # fmt: skip
        self.default, self.label, self.component_args, self.section = default, label, component_args, section
        self.comment_after = ""

    def info(self, info: str) -> OptionInfo:
        self.comment_after += f"<span class='info'>({info})</span>"
        return self

    def needs_reload_ui(self) -> OptionInfo:
        self.comment_after += " <span class='info'>(requires Reload UI)</span>"
        return self


def test_the_settings_page(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    added: dict[str, OptionInfo] = {}
    monkeypatch.setitem(sys.modules, "gradio", SimpleNamespace(Radio="radio", Textbox="text"))
    shared = sys.modules["modules.shared"]
    shared.OptionInfo = OptionInfo
    shared.OptionHTML = OptionInfo
    shared.opts.add_option = added.__setitem__
    add_to_settings_page()
    assert list(added) == [f"train_tools_{option.name}" for option in OPTIONS]
    assert {info.section for info in added.values()} == {("train_tools", "Train Tools")}
    assert added["train_tools_model_while_training"].component_args == {"choices": list(MODES)}
    assert "requires Reload UI" in added["train_tools_root"].comment_after
    assert not any(info.component_args.get("visible") is False for info in added.values())


def test_others_cant_change_what_runs_programs(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webui doesn't let an option be set whose component is invisible: modules/options.py, Options.__setattr__."""
    added: dict[str, OptionInfo] = {}
    monkeypatch.setitem(sys.modules, "gradio", SimpleNamespace(Radio="radio", Textbox="text"))
    shared = sys.modules["modules.shared"]
    shared.OptionInfo = shared.OptionHTML = OptionInfo
    shared.opts.add_option = added.__setitem__
    shared.cmd_opts.disable_extension_access = True
    add_to_settings_page()
    hidden = {name for name, info in added.items() if (info.component_args or {}).get("visible") is False}
    names = ("root", "environment", "package_index", "hugging_face")
    assert hidden == {f"train_tools_{name}" for name in names}
    assert "open to others" in str(added["train_tools_note"].default)


def test_every_text_of_it_is_there_in_chinese() -> None:
    chinese = json.loads((ROOT / "localizations" / "zh_CN.json").read_text(encoding="utf-8"))
    # As text nodes of the page: the webui puts an option's explanation into brackets.
    texts = {text for option in OPTIONS for text in (option.label, *option.choices)}
    texts |= {f"({option.info})" for option in OPTIONS if option.info} | {HIDDEN}
    assert set(chinese) == texts
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in text) for text in chinese.values())


def test_new_versions_start_with_what_is_set_for_their_pictures(
    options: dict[str, Any], tmp_path: Path
) -> None:
    options |= {"train_tools_preview_steps": "30", "train_tools_preview_automatic": "after the whole batch"}
    given = json.loads(surroundings(tmp_path, {}).variables[VARIABLE])
    assert given == {"preview": {"steps": "30", "automatic": "batch"}}
