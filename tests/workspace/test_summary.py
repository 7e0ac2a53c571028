"""Counts are right after every change, and remembered folders aren't read again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from workspace.samples import contents, fill, put

from train_tools.dataset.formats import SUFFIXES
from train_tools.execution.runs import ENDINGS
from train_tools.workspace import summary
from train_tools.workspace.files import write_text
from train_tools.workspace.summary import summarize_projects, summarize_versions
from train_tools.workspace.workspace import Version, Workspace


def test_every_image_and_checkpoint_counts() -> None:
    assert summary.IMAGES >= SUFFIXES
    assert set(ENDINGS) == summary.CHECKPOINTS


def test_counts(workspace: Workspace, full: Version) -> None:
    (found,) = summarize_versions(workspace, "zorb")
    assert (found.originals, found.images, found.captions) == (2, 2, 2)
    assert (found.runs, found.checkpoints) == (1, 1)
    assert found.bytes == sum(map(len, contents(full.folder).values()))
    assert abs(found.changed - time.time()) < 60
    put(full.trains / ".hidden" / "x.safetensors", b"1")
    (project,) = summarize_projects(workspace)
    assert (project.total("checkpoints"), project.total("images"), len(project.versions)) == (1, 2, 1)


def test_a_change_is_seen_and_the_rest_is_not_read_again(
    workspace: Workspace, full: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago(full.folder)
    assert summarize_versions(workspace, "zorb")[0].images == 2
    put(full.processed / "10_zorb" / "00003-0-c.png", b"new")
    counted: list[Path] = []
    real = summary.count

    def count(folder: Path, changed_ns: int) -> summary.Folder:
        counted.append(folder)
        return real(folder, changed_ns)

    monkeypatch.setattr(summary, "count", count)
    assert summarize_versions(workspace, "zorb")[0].images == 3
    assert counted == [full.processed / "10_zorb"]


def test_the_one_changed_last_is_first(workspace: Workspace, full: Version) -> None:
    long_ago(full.folder)
    second = workspace.create_version("zorb", "v2")
    assert [found.version.name for found in summarize_versions(workspace, "zorb")] == ["v2", "v1"]
    long_ago(second.folder)
    write_text(full.processed / "10_zorb" / "00001-0-a.txt", "edited")
    assert [found.version.name for found in summarize_versions(workspace, "zorb")] == ["v1", "v2"]


def test_what_is_gone_is_forgotten(workspace: Workspace, full: Version) -> None:
    long_ago(full.folder)
    summarize_projects(workspace)
    remembered = workspace.projects_folder.parent / summary.FILE
    assert "zorb/versions/v1/trains" in remembered.read_text(encoding="utf-8")
    full.folder.rename(full.folder.with_name("v2"))
    (found,) = summarize_versions(workspace, "zorb")
    assert (found.version.name, found.images) == ("v2", 2)
    assert "zorb/versions/v1" not in remembered.read_text(encoding="utf-8")


def test_a_damaged_memory_is_no_harm(workspace: Workspace, full: Version) -> None:
    for text in ("", "[1]", '{"zorb/versions/v1": 5}'):
        put(workspace.projects_folder.parent / summary.FILE, text.encode())
        assert summarize_versions(workspace, "zorb")[0].images == 2


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_version_that_is_a_link_is_not_looked_into(
    workspace: Workspace, full: Version, tmp_path: Path
) -> None:
    full.folder.rename(tmp_path / "outside")
    full.folder.symlink_to(tmp_path / "outside")
    (found,) = summarize_versions(workspace, "zorb")
    assert (found.images, found.bytes) == (0, 0)


def test_hundreds_of_versions_are_listed_at_once(workspace: Workspace) -> None:
    workspace.create_project("many")
    for number in range(200):
        long_ago(fill(workspace.create_version("many", f"v{number}")).folder)
    summarize_projects(workspace)
    (project,) = summarize_projects(workspace)
    assert (len(project.versions), project.total("images")) == (200, 400)


def long_ago(folder: Path) -> None:
    """As if nobody had touched it for an hour."""
    then = time.time() - 3600
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then))
