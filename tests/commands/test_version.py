from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.fake_engine import FakeEngine, make_version, settings

from train_tools import cli
from train_tools.engines import registry
from train_tools.execution.train import train
from train_tools.planning.plan import make_plan
from train_tools.preview.cells import find_runs
from train_tools.workspace.workspace import Workspace


def test_create_list_delete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert cli.main(["version", "create", "zorb", "v1", *root]) == 2
    assert "project create" in capsys.readouterr().err
    assert cli.main(["project", "create", "zorb", *root]) == 0
    assert cli.main(["version", "list", "zorb", *root]) == 0
    assert "version create zorb" in capsys.readouterr().out
    assert cli.main(["version", "create", "zorb", "v1", *root]) == 0
    assert cli.main(["version", "create", "zorb", "V1", *root]) == 2
    assert "letter case" in capsys.readouterr().err
    assert cli.main(["version", "list", "zorb", *root]) == 0
    assert "v1" in capsys.readouterr().out
    assert cli.main(["version", "delete", "zorb", "v1", *root]) == 0
    assert cli.main(["version", "delete", "zorb", "v1", *root]) == 2
    assert len(list((tmp_path / "train_tools" / "trash").glob("*-v1"))) == 1


def test_start_from_clone_and_rename(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    for command in (
        "project create zorb",
        "project create other",
        "version create zorb v1",
        "version create zorb v2 --from v1",
        "version create other v1 --from zorb/v1 --take settings",
        "version clone zorb v1 v3",
        "version clone zorb v1 v3 --to other --without-runs",
        "version rename zorb v3 第三版",
    ):
        assert cli.main([*command.split(), *root]) == 0, command
    capsys.readouterr()
    assert cli.main(["version", "list", "zorb", "--json", *root]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {version["name"] for version in document["versions"]} == {"v1", "v2", "第三版"}
    assert set(document["versions"][0]) >= {"originals", "images", "captions", "runs", "checkpoints", "bytes"}
    assert cli.main(["version", "create", "zorb", "v4", "--take", "data", *root]) == 2
    assert "--from" in capsys.readouterr().err
    assert cli.main(["version", "create", "zorb", "v4", "--from", "v9", *root]) == 2
    assert "v1, v2, 第三版" in capsys.readouterr().err


def test_a_renamed_or_copied_version_knows_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path, None))
    version = make_version(tmp_path)
    overrides = settings(tmp_path)
    train(version, make_plan(version, overrides), lambda run, event: None)
    (before,) = make_plan(version, overrides).runs
    assert before.state == "finished"
    root = ["--root", str(version.root)]
    assert cli.main(["version", "clone", version.project, version.name, "copy", *root]) == 0
    assert cli.main(["version", "rename", version.project, version.name, "new", *root]) == 0
    assert cli.main(["project", "rename", version.project, "renamed", *root]) == 0
    workspace = Workspace(version.root)
    for name in ("new", "copy"):
        found = workspace.version("renamed", name)
        (run,) = make_plan(found, overrides).runs
        assert (run.state, run.run_id, run.output_name) == ("finished", before.run_id, before.output_name)
        assert all((found.trains / run.name / checkpoint).is_file() for checkpoint in run.checkpoints)
        (shown,) = find_runs(found)
        assert shown.trigger == "zorb"  # read in the processed set at its new place
        (other,) = make_plan(found, {**overrides, "seed": "7"}).runs
        assert other.output_name == f"renamed-{name}-{other.run_id}"


def test_export_and_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = ["--root", str(tmp_path / "outputs")]
    for command in (
        "project create 花",
        "version create 花 v1",
        "version export 花 v1",
        "version import 花 花-v1.zip",
        "version import 花 花-v1.zip --name third",
        "project export 花 --output p.zip --without-runs --without-originals",
        "project import p.zip --name 雪",
    ):
        assert cli.main([*command.split(), *root]) == 0, command
    capsys.readouterr()
    assert cli.main(["version", "list", "雪", "--json", *root]) == 0
    versions = json.loads(capsys.readouterr().out)["versions"]
    assert {version["name"] for version in versions} == {"v1", "v1-2", "third"}
    for command, words in (
        ("version export 花 v1", "exists already"),
        ("version export 花 v1 --output nowhere/x.zip", "isn't there"),
        ("version import 花 p.zip", "project import"),
        ("project import nothing.zip", "isn't there"),
    ):
        assert cli.main([*command.split(), *root]) == 2, command
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
