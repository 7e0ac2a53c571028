from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.fake_engine import FakeEngine, make_version, set_options

from train_tools import cli
from train_tools.engines import registry


def test_runs_are_listed_with_those_of_the_predecessor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(tmp_path))
    version = make_version(tmp_path)
    where = ["p", "v1", "--root", str(tmp_path)]
    assert cli.main(["runs", *where]) == 0
    assert "no runs yet" in capsys.readouterr().out
    assert cli.main(["train", *where, *set_options(tmp_path, training_comment="well; silent")]) == 1
    old = version.trains / "v1-5-bs-1"
    old.mkdir()
    for name in ("p-v1.safetensors", "p-v1-000010.safetensors", "p-v1-000002.safetensors", "notes.txt"):
        (old / name).write_bytes(b"x")
    capsys.readouterr()
    assert cli.main(["runs", *where]) == 0
    out = capsys.readouterr().out
    assert "12/12" in out
    assert "No data found" in out
    assert cli.main(["runs", *where, "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert sorted(run["state"] for run in runs) == ["failed", "finished", "unrecorded"]
    (bare,) = [run for run in runs if run["name"] == "v1-5-bs-1"]
    assert [Path(path).name for path in bare["checkpoints"]] == [
        "p-v1-000002.safetensors", "p-v1-000010.safetensors", "p-v1.safetensors",
    ]  # fmt: skip
