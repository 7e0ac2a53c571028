from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import read_json
from train_tools.workspace.trash import delete_project, delete_version
from train_tools.workspace.workspace import Workspace, default_root


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "outputs")


def test_layout_is_that_of_the_predecessor(workspace: Workspace) -> None:
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    assert version.folder == workspace.root / "train_tools" / "projects" / "zorb" / "versions" / "v1"
    assert version.origin.is_dir()
    assert version.processed == version.folder / "dataset" / "processed"
    assert version.settings_file == version.folder / "version.toml"
    assert workspace.version("zorb", "v1") == version


def test_an_existing_name_is_refused_and_the_folder_stays(workspace: Workspace) -> None:
    version = workspace.create_project("zorb") and workspace.create_version("zorb", "v1")
    (version.origin / "a.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="exists already"):
        workspace.create_version("zorb", "v1")
    with pytest.raises(UsageError, match="exists already"):
        workspace.create_project("zorb")
    with pytest.raises(UsageError, match="letter case"):
        workspace.create_project("Zorb")
    assert (version.origin / "a.png").read_bytes() == b"x"


def test_a_missing_name_is_answered_with_those_that_are(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="project create"):
        workspace.project("zorb")
    workspace.create_project("zorb")
    workspace.create_project("画")
    with pytest.raises(UsageError, match="zorb, 画"):
        workspace.project("other")
    with pytest.raises(UsageError, match="version create zorb"):
        workspace.version("zorb", "v1")


@pytest.mark.parametrize("name", ["..", "../..", "zorb/../zorb", "zorb/versions", ""])
def test_a_path_is_no_name(workspace: Workspace, name: str) -> None:
    workspace.create_project("zorb")
    for act in (workspace.project, partial(delete_project, workspace), workspace.versions):
        with pytest.raises(UsageError):
            act(name)


def test_delete_moves_everything_to_the_trash(workspace: Workspace) -> None:
    workspace.create_project("zorb")
    for _ in range(2):  # twice within a second: both are kept
        version = workspace.create_version("zorb", "v1")
        (version.origin / "a.png").write_bytes(b"picture")
        trashed = delete_version(workspace, "zorb", "v1")
        assert (trashed / "dataset" / "origin" / "a.png").read_bytes() == b"picture"
        assert trashed.parent == workspace.root / "train_tools" / "trash"
    assert len([path for path in workspace.trash.iterdir() if path.is_dir()]) == 2
    note = read_json(trashed.with_name(trashed.name + ".json"))
    assert Path(note["from"]).as_posix() == "projects/zorb/versions/v1"
    assert workspace.versions("zorb") == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_that_leads_out_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    workspace.create_project("zorb")
    outside = tmp_path / "outside"
    (outside / "versions").mkdir(parents=True)
    (workspace.projects_folder / "linked").symlink_to(outside)
    version = workspace.create_version("zorb", "v1")
    version.origin.rmdir()
    version.origin.symlink_to(outside)
    for act in (lambda: delete_project(workspace, "linked"), lambda: workspace.version("zorb", "v1")):
        with pytest.raises(UsageError, match="leads out of"):
            act()
    assert outside.is_dir()


def test_root_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRAIN_TOOLS_ROOT", raising=False)
    assert default_root() == Path("outputs")
    monkeypatch.setenv("TRAIN_TOOLS_ROOT", str(tmp_path))
    assert default_root() == tmp_path


def test_what_the_disk_refuses_to_move_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.create_project("zorb")

    def refuse(source: Path, target: Path) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr("train_tools.workspace.files.replace", refuse)
    with pytest.raises((TrainToolsError, OSError)):
        delete_project(workspace, "zorb")
    assert [project.name for project in workspace.projects()] == ["zorb"]
