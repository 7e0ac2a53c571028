"""`python -m train_tools …` from any Python: the same command runs in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from train_tools import __version__
from train_tools.environment import start
from train_tools.environment.place import Place, place
from train_tools.environment.plan import stages
from train_tools.environment.stamps import fingerprint, write

CLONE = Path(__file__).parents[2]
PACKAGE = CLONE / "train_tools"
# Stands in for the command: says how it was called.
ECHO = """\
import json, os, sys
def main(argv):
    print(json.dumps({"argv": argv, "prefix": sys.prefix, "cwd": os.getcwd(), "utf8": sys.flags.utf8_mode,
                      "user_site": sys.flags.no_user_site, "path": os.environ["PYTHONPATH"]}))
    return 7
def parsed(argv):
    pass
COMMANDS = ("project",)
"""


@pytest.fixture
def clone(tmp_path: Path) -> Place:
    """A clone whose environment is there, with a command that tells how it was called."""
    root = tmp_path / "a clone"
    environment = root / "train_tools" / "environment"
    environment.mkdir(parents=True)
    (root / "train_tools" / "workspace").mkdir()
    workspace = [
        PACKAGE / "workspace" / f"{name}.py"
        for name in ("__init__", "fields", "files", "halfwidth", "os_errors", "toml")
    ]
    top = [PACKAGE / f"{name}.py" for name in ("__init__", "__main__", "errors")]
    for file in [*(PACKAGE / "environment").glob("*.py"), *workspace, *top]:
        (root / file.relative_to(CLONE)).write_bytes(file.read_bytes())
    (root / "train_tools" / "cli.py").write_text(ECHO, encoding="utf-8")
    (root / "requirements").mkdir()
    for lock in ("run.lock", "test.lock"):
        (root / "requirements" / lock).write_text("", encoding="utf-8")
    made = Place(root, root / ".venv")
    made.stamps.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.folder], check=True)
    for stage in stages(made, sys.executable, with_tests=False):
        write(made.stamps, stage.name, fingerprint(stage.content()))
    return made


def call(clone: Place, *argv: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "TRAIN_TOOLS_ENV"}
    environ |= {"PYTHONPATH": str(clone.root), "PYTHONIOENCODING": "utf-8", **variables}
    command = [sys.executable, "-m", "train_tools", *argv]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, encoding="utf-8", check=False)


def test_the_command_runs_in_the_environment(clone: Place, tmp_path: Path) -> None:
    argv = ["project", "create", "佐布 zorb", "--set", "a=--b", "", 'quo"ted']
    answer = call(clone, *argv, cwd=tmp_path)
    assert answer.returncode == 7, answer.stderr
    told = json.loads(answer.stdout)
    assert told["argv"] == argv
    assert Path(told["prefix"]).samefile(clone.folder)
    assert Path(told["cwd"]).samefile(tmp_path)
    assert (told["utf8"], told["user_site"], told["path"]) == (1, 1, str(clone.root))
    assert answer.stderr == ""


def test_the_environments_own_python_goes_straight_on(clone: Place, tmp_path: Path) -> None:
    command = [str(clone.python), "-m", "train_tools", "project"]
    environ = {**os.environ, "PYTHONPATH": str(clone.root)}
    environ.pop("TRAIN_TOOLS_ENV", None)
    answer = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert (answer.returncode, answer.stderr) == (7, b"")


def test_the_running_python_can_be_taken_as_it_is(clone: Place, tmp_path: Path) -> None:
    answer = call(clone, "project", cwd=tmp_path, TRAIN_TOOLS_ENV="current")
    assert Path(json.loads(answer.stdout)["prefix"]).samefile(sys.prefix)


def test_an_environment_that_was_gone_back_to_is_not_updated(clone: Place, tmp_path: Path) -> None:
    (clone.root / "requirements" / "run.lock").write_text("surely-missing==1\n", encoding="utf-8")
    clone.pointer.write_text('{"folder": ".venv", "kept": true}', encoding="utf-8")
    answer = call(clone, "project", cwd=tmp_path)
    assert (answer.returncode, answer.stderr) == (7, "")


def test_the_root_of_the_command_line_holds_the_settings() -> None:
    assert start.with_root(["demo", "--root", "/a"], {"X": "1"}) == {"X": "1", "TRAIN_TOOLS_ROOT": "/a"}
    assert start.with_root(["demo", "--root=/b"], {"TRAIN_TOOLS_ROOT": "/a"})["TRAIN_TOOLS_ROOT"] == "/b"
    assert start.with_root(["demo", "--root"], {}) == {}


def test_a_wrong_command_sets_up_nothing(clone: Place, tmp_path: Path) -> None:
    answer = call(clone, "porject", cwd=tmp_path, TRAIN_TOOLS_ENV=str(tmp_path / "none"))
    assert Path(json.loads(answer.stdout)["prefix"]).samefile(sys.prefix)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_not_ours_ends_with_one_sentence(clone: Place, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("", encoding="utf-8")
    answer = call(clone, "project", cwd=tmp_path, TRAIN_TOOLS_ENV=str(tmp_path / "mine"))
    assert answer.returncode == 1
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert "was not made by this program" in line


def test_the_environment_is_in_the_clone() -> None:
    found = place({})
    assert found is not None
    assert found.folder == CLONE / ".venv"
    chosen = place({"TRAIN_TOOLS_ENV": "elsewhere"})
    assert chosen is not None
    assert chosen.folder == Path("elsewhere").absolute()


def test_the_calling_pythons_settings_stay_outside(tmp_path: Path) -> None:
    variables = start.inner_variables(
        Place(tmp_path, tmp_path / ".venv"), {"PYTHONHOME": "/x", "PYTHONPATH": "/y"}
    )
    assert "PYTHONHOME" not in variables
    assert variables["PYTHONPATH"] == str(tmp_path)


def test_the_version_is_said_once() -> None:
    assert 'version = { attr = "train_tools.__version__" }' in (CLONE / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    assert __version__
