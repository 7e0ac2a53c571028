"""`env` as a person calls it, also with a bare Python that has no package at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train_tools import cli

CLONE = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("TRAIN_TOOLS_ROOT", str(tmp_path / "root"))


def bare(*argv: str) -> subprocess.CompletedProcess[str]:
    """An interpreter that sees the standard library and our source alone."""
    command = [sys.executable, "-S", "-m", "train_tools", *argv]
    environ = {**os.environ, "PYTHONPATH": str(CLONE), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=False)


def test_status_with_a_bare_python(tmp_path: Path) -> None:
    answer = bare("env", "status", "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert (found["state"], found["folder"]) == ("absent", str(tmp_path / "env"))
    assert not (tmp_path / "env").exists()


def test_settings_are_set_shown_and_taken_back(tmp_path: Path) -> None:
    answer = bare("env", "settings", "--set", "proxy=http://me:secret@127.0.0.1:7890", "--set", "offline=yes")
    assert answer.returncode == 0, answer.stderr
    assert "secret" not in answer.stdout
    assert "http://***@127.0.0.1:7890" in answer.stdout
    text = (tmp_path / "root" / "train_tools" / "program.toml").read_text(encoding="utf-8")
    assert text == 'proxy = "http://me:secret@127.0.0.1:7890"\noffline = true\n'
    shown = json.loads(bare("env", "settings", "--set", "proxy=default", "--json").stdout)["settings"]
    assert (shown["proxy"], shown["offline"]) == ("system", True)
    assert "镜像" in bare("env", "settings", "--language", "zh").stdout


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["settings", "--set", "proxy=nonsense"], 2, "setting proxy"),
        (["settings", "--set", "prox=off"], 2, "did you mean proxy?"),
        (["rollback"], 1, "no environment to go back to"),
        (["rollback", "--sd-scripts"], 1, "no other version"),
        (["use", "v9"], 1, "there is no sd-scripts 'v9'"),
        (["remove", "--sd-scripts", "../x"], 1, "there is no sd-scripts"),
        (["create", "--sd-scripts", "a/b"], 1, "is no version of sd-scripts"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_one_sentence(argv: list[str], code: int, says: str, tmp_path: Path) -> None:
    answer = bare("env", *argv)
    assert answer.returncode == code
    (line,) = answer.stderr.splitlines()
    assert line.startswith("train_tools: ")
    assert says in line
    assert not (tmp_path / "env").exists()


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "mine.txt").write_text("", encoding="utf-8")
    answer = bare("env", "create")
    assert (answer.returncode, "was not made by this program" in answer.stderr) == (1, True)
    answer = bare("env", "remove", "--everything")
    assert (answer.returncode, "left alone" in answer.stderr) == (1, True)
    assert bare("env", "check").returncode == 1
    assert (tmp_path / "env" / "mine.txt").exists()


def test_nothing_to_remove(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["env", "remove", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": []}


def test_the_running_python_is_checked_where_it_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", "current")
    assert cli.main(["env", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"
    assert cli.main(["env", "create"]) == 1
    assert "unset it" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_one_that_is_ended_ends_its_installer_and_goes_on_later(tmp_path: Path) -> None:
    """A uv that never comes to an end stands in for a long download."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n", encoding="utf-8")
    (tools / "uv").chmod(0o755)
    environ = {**os.environ, "PYTHONPATH": str(CLONE), "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    environ |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    command = [sys.executable, "-m", "train_tools", "env", "create"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert json.loads(bare("env", "status", "--json").stdout)["state"] == "making"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    number = int((tmp_path / "pid").read_text(encoding="utf-8"))
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    found = json.loads(bare("env", "status", "--json").stdout)
    assert (found["state"], "goes on from here" in found["error"]) == ("broken", True)
    lines = Path(found["journal"]).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["stage", "failed"]
