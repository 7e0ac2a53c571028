"""What every test starts from."""

from __future__ import annotations

import os

import pytest

# Read when torch is imported; see environment/start.py.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@pytest.fixture(autouse=True)
def no_settings_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The user's own folders and choices stay out of the tests."""
    for name in [
        name for name in os.environ if name.startswith("TRAIN_TOOLS_") and name != "TRAIN_TOOLS_ENV"
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRAIN_TOOLS_RUN_FOLDER", str(tmp_path_factory.getbasetemp() / "run"))
