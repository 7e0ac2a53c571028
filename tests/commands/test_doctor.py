"""`doctor` as a person calls it, also with a bare Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]


@pytest.fixture
def failed_run(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "train_tools" / "projects" / "p" / "versions" / "v" / "trains" / "r"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"state": "failed", "ended": 5, "error": "it fell"}', encoding="utf-8")
    (folder / "train.log").write_text("torch.OutOfMemoryError: CUDA out of memory.\n", encoding="utf-8")
    return folder


def bare(tmp_path: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-m", "train_tools", "doctor", "--root", str(tmp_path / "root"), *argv]
    environ = {
        **os.environ, "PYTHONPATH": str(CLONE), "PYTHONIOENCODING": "utf-8", "TRAIN_TOOLS_ENV": str(tmp_path / "env")
    }  # fmt: skip
    return subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=False)


def test_one_document_with_findings_and_the_last_failure(tmp_path: Path, failed_run: Path) -> None:
    answer = bare(tmp_path, "--json")
    found = json.loads(answer.stdout)
    states = {finding["id"]: finding["state"] for finding in found["findings"]}
    assert states["python"] == states["ports"] == states["write-root"] == "ok"
    assert states["environment"] == "warn"
    assert answer.returncode == (1 if "fail" in states.values() else 0)
    assert found["run"]["folder"] == str(failed_run)
    assert [remedy["id"] for remedy in found["run"]["remedies"]] == ["out-of-gpu-memory"]


def test_words_for_a_person_in_both_languages(tmp_path: Path, failed_run: Path) -> None:
    said = bare(tmp_path).stdout
    assert "it fell" in said
    assert "lower train_batch_size" in said
    assert "显存不足" in bare(tmp_path, "--language", "zh", "--run", str(failed_run)).stdout


def test_the_bundle(tmp_path: Path, failed_run: Path) -> None:
    answer = bare(tmp_path, "--bundle", str(tmp_path / "b.zip"))
    assert "look into it" in answer.stdout, answer.stderr
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert "runs/1/train.log" in archive.namelist()
    again = bare(tmp_path, "--bundle", str(tmp_path / "b.zip"))
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize("argv", [["--run", "/none"], ["--port", "0"], ["--port", "70000"]])
def test_wrong_use_is_one_sentence(tmp_path: Path, argv: list[str]) -> None:
    answer = bare(tmp_path, *argv)
    assert (answer.returncode, len(answer.stderr.splitlines())) == (2, 1)


def test_broken_settings_are_a_finding_and_no_end(tmp_path: Path) -> None:
    file = tmp_path / "root" / "train_tools" / "program.toml"
    file.parent.mkdir(parents=True)
    file.write_text("proxy = [", encoding="utf-8")
    found = json.loads(bare(tmp_path, "--json").stdout)["findings"]
    (finding,) = [finding for finding in found if finding["id"] == "program-settings"]
    assert (finding["state"], "program.toml" in finding["text"]) == ("fail", True)
    assert "sd-scripts" in [finding["id"] for finding in found], "the others were looked at too"
