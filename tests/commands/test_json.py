"""With `--json`, standard output is exactly one JSON document, whatever the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from train_tools import cli


def test_one_document_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (30, 30), "red").save(tmp_path / "猫.png")
    (tmp_path / "bad.png").write_bytes(b"bad")
    root = ["--root", str(tmp_path / "outputs"), "--json"]
    version = ["zorb", "v1"]
    pictures = [str(tmp_path / "猫.png"), str(tmp_path / "bad.png")]
    documents = []
    for command, expected in (
        (["project", "create", "zorb"], 0),
        (["project", "list"], 0),
        (["version", "create", *version], 0),
        (["version", "list", "zorb"], 0),
        (["dataset", "add", *version, *pictures], 1),
        (["dataset", "process", *version], 0),
        (["dataset", "show", *version], 0),
        (["version", "delete", *version], 0),
        (["project", "delete", "zorb"], 0),
    ):
        assert cli.main([*command, *root]) == expected
        documents.append(json.loads(capsys.readouterr().out))
    added, processed, shown = documents[4:7]
    assert [item["name"] for item in added["added"]] == ["猫.png"]
    assert [Path(item["source"]).name for item in added["failed"]] == ["bad.png"]
    assert (processed["images"], processed["revision"]) == (1, 1)
    assert (shown["originals"], shown["images"], shown["images_per_epoch"]) == (1, 1, 10)
    assert shown["concepts"][0]["missing_captions"] == 1


def test_an_error_leaves_standard_output_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dataset", "show", "zorb", "v1", "--json", "--root", str(tmp_path)]) == 2
    assert capsys.readouterr().out == ""
