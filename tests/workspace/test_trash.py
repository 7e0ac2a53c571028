"""What was deleted comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspace.samples import contents

from train_tools.errors import UsageError
from train_tools.workspace import settings
from train_tools.workspace.files import move_to_trash
from train_tools.workspace.trash import delete_project, delete_version, list_trash, restore
from train_tools.workspace.workspace import Version, Workspace


def test_a_version_comes_back(workspace: Workspace, full: Version) -> None:
    before = contents(full.folder)
    delete_version(workspace, "zorb", "v1")
    (trashed,) = list_trash(workspace)
    assert (trashed.kind, trashed.project, trashed.name) == ("version", "zorb", "v1")
    assert restore(workspace, "v1") == full.folder
    assert contents(workspace.version("zorb", "v1").folder) == before
    assert list_trash(workspace) == []
    assert list(workspace.trash.iterdir()) == []


def test_of_two_with_one_name_the_entry_tells(workspace: Workspace, full: Version) -> None:
    first = delete_version(workspace, "zorb", "v1")
    workspace.create_version("zorb", "v1")
    second = delete_version(workspace, "zorb", "v1")
    with pytest.raises(UsageError, match=f"{first.name}.*{second.name}|{second.name}.*{first.name}"):
        restore(workspace, "v1")
    restore(workspace, second.name)
    with pytest.raises(UsageError, match="exists already"):
        restore(workspace, first.name)
    assert restore(workspace, first.name, name="first").name == "first"
    assert [version.name for version in workspace.versions("zorb")] == ["first", "v1"]


def test_a_version_whose_project_is_gone(workspace: Workspace, full: Version) -> None:
    delete_version(workspace, "zorb", "v1")
    delete_project(workspace, "zorb")
    with pytest.raises(UsageError, match="--project"):
        restore(workspace, "v1")
    workspace.create_project("other")
    restore(workspace, "v1", project="other")
    assert settings.read(workspace.version("other", "v1"))["dataset"]["concept"] == "zorb"
    restore(workspace, "zorb")
    assert [project.name for project in workspace.projects()] == ["other", "zorb"]


def test_a_project_comes_back_under_another_name_with_its_trigger_word(
    workspace: Workspace, full: Version
) -> None:
    delete_project(workspace, "zorb")
    workspace.create_project("zorb")
    restore(workspace, "zorb", name="again")
    assert settings.read(workspace.version("again", "v1"))["dataset"]["concept"] == "zorb"


def test_a_file_comes_back(workspace: Workspace, full: Version) -> None:
    move_to_trash(full.origin / "a photo.jpg", workspace.trash)
    (trashed,) = list_trash(workspace)
    assert (trashed.kind, trashed.name) == ("file", "a photo.jpg")
    restore(workspace, "a photo.jpg")
    assert (full.origin / "a photo.jpg").read_bytes() == b"original"


@pytest.mark.parametrize("where", ["../../elsewhere", "/etc/x", "C:/x", "projects/../../x", "", 5, None])
def test_a_note_that_leads_out_is_no_entry(workspace: Workspace, full: Version, where: object) -> None:
    trashed = delete_version(workspace, "zorb", "v1")
    trashed.with_name(f"{trashed.name}.json").write_text(json.dumps({"from": where}), encoding="utf-8")
    assert list_trash(workspace) == []
    with pytest.raises(UsageError, match="nothing"):
        restore(workspace, trashed.name)
    assert trashed.is_dir()


def test_a_link_that_leads_out_is_no_place_to_restore_to(
    workspace: Workspace, full: Version, tmp_path: Path
) -> None:
    delete_version(workspace, "zorb", "v1")
    outside = tmp_path / "outside"
    outside.mkdir()
    full.folder.parent.rmdir()
    try:
        full.folder.parent.symlink_to(outside)
    except OSError:
        pytest.skip("links need rights on Windows")
    with pytest.raises(UsageError, match="leads out of"):
        restore(workspace, "v1")
    assert list(outside.iterdir()) == []
