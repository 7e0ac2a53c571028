"""A new name, and everything that was there is found under it."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest
from workspace.samples import add_run, contents, put

from train_tools.errors import UsageError
from train_tools.workspace import settings
from train_tools.workspace.rename import rename_project, rename_version
from train_tools.workspace.run_folder import process_start, read_arguments, rebased
from train_tools.workspace.workspace import Version, Workspace


def test_a_version_is_found_under_its_new_name_with_all_it_holds(workspace: Workspace, full: Version) -> None:
    before = contents(full.folder)
    renamed = rename_version(workspace, "zorb", "v1", "第二版")
    assert [version.name for version in workspace.versions("zorb")] == ["第二版"]
    found = workspace.version("zorb", "第二版")
    assert renamed.folder == found.folder
    assert contents(found.folder) == before  # finished runs keep their files' names, run.toml isn't touched
    arguments = read_arguments(found.trains / "base-bs-1")
    assert arguments["train_data_dir"] == str(found.processed.absolute())
    assert arguments["output_dir"] == str((found.trains / "base-bs-1").absolute())
    assert arguments["output_name"] == "zorb-v1-abcdefgh"


def test_a_renamed_project_keeps_its_trigger_word(workspace: Workspace, full: Version) -> None:
    workspace.create_version("zorb", "empty")
    renamed = rename_project(workspace, "zorb", "Zorb")  # another letter case is another name
    assert renamed.concept_kept == ("v1",)
    assert [project.name for project in workspace.projects()] == ["Zorb"]
    assert settings.read(workspace.version("Zorb", "v1"))["dataset"]["concept"] == "zorb"
    assert settings.read(workspace.version("Zorb", "empty"))["dataset"] == {}
    found = workspace.version("Zorb", "v1")
    assert read_arguments(found.trains / "base-bs-1")["train_data_dir"] == str(found.processed.absolute())


def test_the_whole_workspace_may_move(workspace: Workspace, full: Version) -> None:
    other = add_run(full, "second", "finished")
    lora = full.trains / "base-bs-1" / "zorb-v1-abcdefgh.safetensors"
    base = Path("/models/base.safetensors")
    text = (other / "run.toml").read_text(encoding="utf-8")
    text += f"network_weights = '{lora.absolute()}'\npretrained_model_name_or_path = '{base}'\n"
    put(other / "run.toml", text.encode())
    moved = Workspace(workspace.root.with_name("moved"))
    workspace.root.rename(moved.root)
    found = moved.version("zorb", "v1")
    arguments = read_arguments(found.trains / "second")
    assert arguments["network_weights"] == str(found.trains.absolute() / "base-bs-1" / lora.name)
    assert Path(arguments["network_weights"]).is_file()
    assert arguments["pretrained_model_name_or_path"] == str(base)


def test_a_workspace_from_windows_is_read_here() -> None:
    old = PureWindowsPath(r"D:\out\train_tools\projects\p\versions\v")
    moves = [(old, Path("/here/v"))]
    assert Path(rebased(r"D:\out\train_tools\projects\p\versions\v\dataset\processed", moves)) == Path(
        "/here/v/dataset/processed"
    )
    assert rebased(r"D:\out\train_tools\projects\p\versions\v2\x", moves) == (
        r"D:\out\train_tools\projects\p\versions\v2\x"
    )
    assert rebased("512,512", moves) == "512,512"


def test_settings_that_name_a_file_in_it_follow(workspace: Workspace, full: Version) -> None:
    second = workspace.create_version("zorb", "v10")
    old = f"{full.trains.absolute()}/base-bs-1/zorb-v1-abcdefgh.safetensors"
    near = f"{second.trains.absolute()}/x.safetensors"  # begins with the old folder's name
    settings.update(second, "training", {"network_weights": f"{old},{near},none"})
    renamed = rename_version(workspace, "zorb", "v1", "v2")
    assert renamed.followed == ("zorb v10",)
    followed = settings.read(second)["training"]["network_weights"].split(",")
    assert followed == [old.replace("/v1/", "/v2/").replace("\\v1\\", "\\v2\\"), near, "none"]


@pytest.mark.parametrize("name", ["v1", "V2", "v2", "a/b", "..", "NUL", "", "x."])
def test_a_name_that_cannot_be_changes_nothing(workspace: Workspace, full: Version, name: str) -> None:
    workspace.create_version("zorb", "v2")
    before = contents(workspace.root)
    with pytest.raises(UsageError):
        rename_version(workspace, "zorb", "v1", name)
    assert contents(workspace.root) == before


def test_nothing_is_renamed_under_a_training(workspace: Workspace, full: Version) -> None:
    add_run(full, "now", "running", pid=os.getpid(), process_started=process_start(os.getpid()))
    for act in (
        lambda: rename_version(workspace, "zorb", "v1", "v2"),
        lambda: rename_project(workspace, "zorb", "other"),
    ):
        with pytest.raises(UsageError, match=r"runs in training \(now\)"):
            act()
    assert workspace.version("zorb", "v1") == full
