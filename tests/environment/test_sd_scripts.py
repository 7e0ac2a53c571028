"""Several versions of sd-scripts side by side; a repository and a server of our own stand in for GitHub."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment.files_server import Files, serving

from train_tools.environment import sd_scripts
from train_tools.environment.failure import SetupError
from train_tools.environment.machine import Machine
from train_tools.environment.place import Place, place
from train_tools.environment.plan import Stage
from train_tools.environment.program import change
from train_tools.environment.sd_scripts_place import sd_scripts_folder, sd_scripts_python
from train_tools.environment.sd_scripts_source import FILTERED, REPOSITORY, fetch
from train_tools.environment.setup import prepare
from train_tools.environment.status import environment_status
from train_tools.errors import TrainToolsError

REQUIREMENTS = "# a comment\naccelerate==1.6.0\nopencv-python==4.10.0.84\n--extra\n-e .\n"
FILES = {
    "train_network.py": "print('trainer')\n",
    "requirements.txt": REQUIREMENTS,
    "library/__init__.py": "",
}


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository that git takes for GitHub's; gives its commit. It has a tag v1 too."""
    folder = tmp_path / "upstream"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    who = {"AUTHOR_NAME": "a", "AUTHOR_EMAIL": "a@b", "COMMITTER_NAME": "a", "COMMITTER_EMAIL": "a@b"}
    for name, value in who.items():
        monkeypatch.setenv(f"GIT_{name}", value)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{folder.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", REPOSITORY)
    answer = subprocess.run(
        ["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A mirror of GitHub on this machine, and no git."""
    monkeypatch.setenv("TRAIN_TOOLS_ROOT", str(tmp_path / "root"))
    with serving() as files:
        change(tmp_path / "root", {"github": files.address})
        yield files


def archive(commit: str, names: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in names.items():
            made.writestr(f"sd-scripts-{commit}/{name}", text)
        made.comment = commit.encode()
    return data.getvalue()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("revision", ["", "v1"])
def test_with_git(upstream: str, tmp_path: Path, revision: str) -> None:
    folder = tmp_path / "versions" / "one"
    fetch("git", revision or upstream, folder)
    assert (folder / "library" / "__init__.py").is_file()
    assert (folder / FILTERED).read_text(
        encoding="utf-8"
    ) == "accelerate==1.6.0\nopencv-python-headless==4.10.0.84\n"
    assert names_in(folder.parent) == ["one"]


def test_a_revision_that_is_not_there(upstream: str, tmp_path: Path) -> None:
    with pytest.raises(TrainToolsError):
        fetch("git", "v9", tmp_path / "versions" / "one")
    assert names_in(tmp_path / "versions") == []


def test_with_the_zip_archive(github: Files, tmp_path: Path) -> None:
    commit = "ab" * 20
    path = f"/{REPOSITORY}/archive/{commit}.zip"
    folder = tmp_path / "versions" / "one"
    github.content[path] = archive(commit, FILES)
    fetch("zip", commit, folder)
    assert (folder / "train_network.py").is_file()
    assert names_in(folder.parent) == ["one"]
    for wrong in (archive("cd" * 20, FILES), b"<html>", archive(commit, {"README.md": ""})):
        github.content[path] = wrong
        with pytest.raises(TrainToolsError, match=r"another commit|no zip archive|has no train_network\.py"):
            fetch("zip", commit, tmp_path / "versions" / "two")
        assert names_in(folder.parent) == ["one"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    found = place()
    assert found is not None
    found.stamps.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", found.folder], check=True)
    return found


def make(here: Place, revision: str) -> list[str]:
    """The real first two stages, the installing ones replaced by words; gives what was said."""

    def quick(stage: Stage) -> Stage:
        if stage.name.endswith("+source"):
            return stage
        venv = here.folder / "sd-scripts" / sd_scripts.name_of(revision) / ".venv"
        command = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
        if not stage.name.endswith("+venv"):
            command = [sys.executable, "-c", "print('installed')"]
        return Stage(stage.name, stage.text, stage.content, lambda machine: [[command]])

    said: list[str] = []
    prepare(here, [quick(stage) for stage in sd_scripts.stages(here, sys.executable, revision)], said.append)
    return said


def test_two_versions_side_by_side(here: Place, upstream: str) -> None:
    first, second = upstream[:10], "v1"
    assert make(here, upstream)[0] == f"1/4 fetching sd-scripts {first}"
    assert make(here, upstream) == []
    make(here, second)
    assert [(v.name, v.whole, v.current) for v in sd_scripts.installed(here)] == sorted(
        [(first, True, False), (second, True, False)]
    )
    assert sd_scripts_folder() is None
    sd_scripts.use(here, first)
    sd_scripts.use(here, second)
    found = sd_scripts_folder()
    assert found == here.folder / "sd-scripts" / second
    assert Path(sd_scripts_python(found)).parts[-3] == ".venv"
    assert sd_scripts.roll_back(here) == first
    assert sd_scripts.roll_back(here) == second
    assert sd_scripts.revision_of(here, first) == upstream
    status = environment_status(os.environ)
    assert status.sd_scripts == tuple(sorted((first, second)))
    with pytest.raises(SetupError, match="is used"):
        sd_scripts.remove(here, second)
    sd_scripts.remove(here, first)
    assert [version.name for version in sd_scripts.installed(here)] == [second]
    with pytest.raises(SetupError, match="no other version"):
        sd_scripts.roll_back(here)
    assert make(here, upstream)[0].startswith("1/4"), "its stamps are gone with it"


def test_a_half_fetched_one_is_taken_up_again(here: Place, upstream: str) -> None:
    make(here, upstream)
    (here.folder / "sd-scripts" / upstream[:10] / "train_network.py").unlink()
    assert not environment_status(os.environ).sd_scripts
    assert make(here, upstream)[0] == f"1/4 fetching sd-scripts {upstream[:10]}"
    assert environment_status(os.environ).sd_scripts == (upstream[:10],)


@pytest.mark.parametrize("name", ["../x", "", "a b", "-x", "v1/.."])
def test_names_that_are_none(here: Place, name: str) -> None:
    with pytest.raises(SetupError):
        sd_scripts.name_of(name)
    with pytest.raises(SetupError):
        sd_scripts.use(here, name)
    with pytest.raises(SetupError):
        sd_scripts.remove(here, name)


def test_a_checkout_of_ones_own_is_never_removed(here: Place) -> None:
    own = here.folder / "sd-scripts" / "mine"
    own.mkdir(parents=True)
    (own / "train_network.py").write_text("", encoding="utf-8")
    with pytest.raises(SetupError, match="this program has made"):
        sd_scripts.remove(here, "mine")
    sd_scripts.use(here, "mine")
    assert sd_scripts_folder() == own


def test_its_packages_come_from_its_lock_and_others_from_its_own_list(here: Place) -> None:
    machine = Machine("linux", "", nvidia=True)
    pinned = {
        stage.name: stage.attempts(machine) for stage in sd_scripts.stages(here, "python", sd_scripts.PINNED)
    }
    names = list(sd_scripts.stage_names(sd_scripts.PINNED[:10]))
    assert list(pinned) == names
    assert pinned[names[3]][0][0][-3:] == ["--no-deps", "-r", str(here.requirements("sd_scripts.lock"))]
    assert pinned[names[2]][0][0][-2:] == ["torch==2.13.0", sd_scripts.TORCHVISION]
    (*_, other) = sd_scripts.stages(here, "python", "v1")
    assert other.attempts(machine)[0][0][-4] == "-r"
    assert str(other.attempts(machine)[0][0][-3]).endswith(FILTERED)
