"""What a new version starts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.errors import UsageError
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace import settings
from train_tools.workspace.begin_version import FILE, VARIABLE, begin_version
from train_tools.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    made.create_project("zorb")
    return made


def test_without_defaults_nothing_is_written(workspace: Workspace) -> None:
    assert not begin_version(workspace, "zorb", "v1", {}).settings_file.exists()


def test_the_file_and_the_webuis_words_over_it(workspace: Workspace) -> None:
    (workspace.root / "train_tools" / FILE).write_text(
        "[preview]\nsteps = 30\nsampler = 'Euler'\n[training]\nnetwork_dim = 16\n[other]\nx = 1\n"
    )
    given = {VARIABLE: '{"preview": {"steps": "12", "prompts": "a | b"}, "nonsense": 3}'}
    version = begin_version(workspace, "zorb", "v1", given)
    chosen = settings.preview_change(version, "preview", PreviewSettings, {})
    assert chosen.steps == (12,)
    assert chosen.sampler == ("Euler",)
    assert chosen.prompts == ("a", "b")
    assert settings.read(version)["training"] == {"network_dim": 16}


@pytest.mark.parametrize(("file", "variable"), [("steps =", "{}"), ("", "{"), ("preview = 3", "[]")])
def test_what_cant_be_read_makes_no_version(workspace: Workspace, file: str, variable: str) -> None:
    (workspace.root / "train_tools" / FILE).write_text(file)
    if file == "preview = 3":
        assert begin_version(workspace, "zorb", "v1", {VARIABLE: variable}).folder.is_dir()
        return
    with pytest.raises(UsageError):
        begin_version(workspace, "zorb", "v1", {VARIABLE: variable})
    assert workspace.versions("zorb") == []
