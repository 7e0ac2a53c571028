"""A version to compare in."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    return workspace.create_version("zorb", "v1")
