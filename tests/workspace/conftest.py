from __future__ import annotations

from pathlib import Path

import pytest
from workspace.samples import fill

from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "outputs")


@pytest.fixture
def full(workspace: Workspace) -> Version:
    """A version with originals, a processed set, a history, a regularisation set, a run and previews."""
    workspace.create_project("zorb")
    return fill(workspace.create_version("zorb", "v1"))
