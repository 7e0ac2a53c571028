"""version.toml over the years: older files are migrated, newer ones refused, and nothing unknown is lost."""

from __future__ import annotations

from typing import Any

import pytest

from train_tools.errors import UsageError
from train_tools.workspace import settings, settings_file, toml
from train_tools.workspace.settings_file import Migration, load
from train_tools.workspace.workspace import Version, Workspace

OLD = '# mine\nnote = "kept"\n[dataset]\nsize = 640\n[plugin]\nx = [1, 2]\n'


@pytest.fixture
def version(workspace: Workspace) -> Version:
    workspace.create_project("zorb")
    return workspace.create_version("zorb", "v1")


def size_is_width_and_height(data: dict[str, Any]) -> list[str]:
    section = data.get("dataset", {})
    if "size" not in section:
        return []
    section["width"] = section["height"] = section.pop("size")
    return ["dataset.size is dataset.width and dataset.height now"]


def flip_is_gone(data: dict[str, Any]) -> list[str]:
    return ["dataset.flip was taken out"] if data.get("dataset", {}).pop("flip", None) is not None else []


@pytest.fixture
def third_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    migrations = (Migration(size_is_width_and_height), Migration(flip_is_gone))
    monkeypatch.setattr(settings_file, "MIGRATIONS", migrations)


@pytest.mark.usefixtures("third_schema")
def test_an_old_file_is_read_as_of_today_and_stays_until_something_is_written(version: Version) -> None:
    version.settings_file.write_text(OLD, encoding="utf-8")
    loaded = load(version)
    assert loaded.data["dataset"] == {"width": 640, "height": 640}
    assert loaded.schema == 1
    assert loaded.notes == ("schema 1: dataset.size is dataset.width and dataset.height now",)
    assert version.settings_file.read_text(encoding="utf-8") == OLD
    settings.update(version, "dataset", {"width": 512})
    kept = version.settings_file.with_name("version.toml.1")
    assert kept.read_text(encoding="utf-8") == OLD
    data = toml.load(version.settings_file)
    assert data == {
        "schema": 3,
        "note": "kept",
        "dataset": {"width": 512, "height": 640},
        "plugin": {"x": [1, 2]},
    }
    settings.update(version, "dataset", {"width": 768})
    assert kept.read_text(encoding="utf-8") == OLD
    assert load(version).notes == ()


@pytest.mark.usefixtures("third_schema")
def test_only_the_steps_that_are_missing_are_taken(version: Version) -> None:
    version.settings_file.write_text("schema = 2\n[dataset]\nsize = 1\nflip = true\n", encoding="utf-8")
    loaded = load(version)
    assert loaded.data["dataset"] == {"size": 1}
    assert loaded.notes == ("schema 2: dataset.flip was taken out",)


def test_a_newer_file_is_refused_and_stays(version: Version) -> None:
    text = "schema = 9\n[dataset]\nwidth = 1\n"
    version.settings_file.write_text(text, encoding="utf-8")
    for act in (lambda: load(version), lambda: settings.update(version, "dataset", {"width": 2})):
        with pytest.raises(UsageError, match=r"newer Train Tools \(schema 9, this one knows 1\); update"):
            act()
    assert version.settings_file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("text", ["schema = 0", "schema = '1'", "schema = true", "dataset = 5", "x = = 1"])
def test_a_damaged_file_is_named(version: Version, text: str) -> None:
    version.settings_file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"version\.toml"):
        load(version)
    assert version.settings_file.read_text(encoding="utf-8") == text
