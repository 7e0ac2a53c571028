"""Where the bridge's token lies: in a folder of the user's own, found by all of the user's processes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from train_tools.hosts import bridge_file
from train_tools.hosts.bridge_file import Address

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has one place, which other users can't read")


def address(token: str = "secret", started: float = 1.0) -> Address:
    return Address(4711, token, os.getpid(), started, "Forge Neo")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TRAIN_TOOLS_RUN_FOLDER", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return home


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "outputs"
    (root / "train_tools").mkdir(parents=True)
    return root


def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int = 0o700) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_it_lies_in_a_folder_of_the_users_own(
    root: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime(tmp_path, monkeypatch)
    old = root / "train_tools" / "host.json"
    old.write_text("{}")
    written = bridge_file.write(root, address())
    assert written.parent == home / ".local" / "state" / "train-tools"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700
    assert bridge_file.read(root) == address()
    assert not old.exists(), "an older version's is served by webuis"
    assert not any(b"secret" in file.read_bytes() for file in root.rglob("*") if file.is_file())
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert bridge_file.read(root) == address(), "a worker of a service finds what a desktop's webui wrote"


def test_another_root_has_another_file_and_a_link_to_it_the_same(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    bridge_file.write(root, address())
    assert bridge_file.read(link) == address()
    assert bridge_file.read(tmp_path / "other") is None


def test_without_a_home_that_can_be_written_it_is_the_runtime_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "a file" / "home"))
    folder = runtime(tmp_path, monkeypatch)
    assert bridge_file.write(root, address()).parent == folder / "train-tools"
    folder.chmod(0o777)
    assert bridge_file.write(root, address()).parent.parent == tmp_path / "tmp", "others may write there"


def test_the_newest_host_is_the_one_that_is_asked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge_file.write(root, address("old", 1.0))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bridge_file.write(root, address("new", 2.0))
    assert bridge_file.read(root) == address("new", 2.0)


def test_a_home_that_cant_be_written_leaves_the_temporary_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "a file" / "home"))
    (tmp_path / "a file").write_text("")
    written = bridge_file.write(root, address())
    assert written.parent == tmp_path / "tmp" / f"train-tools-{os.getuid()}"
    assert bridge_file.read(root) == address()
    written.parent.chmod(0o777)
    assert bridge_file.read(root) is None, "anybody could have put it there"


def test_where_nothing_can_be_written_it_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a file"
    file.write_text("")
    monkeypatch.setenv("HOME", str(file / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(file / "tmp"))
    with pytest.raises(OSError, match="no folder can be written; set TRAIN_TOOLS_RUN_FOLDER to one of yours"):
        bridge_file.write(root, address())


def test_a_folder_that_was_named_is_the_only_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_RUN_FOLDER", str(tmp_path / "shared"))
    assert bridge_file.write(root, address()).parent == tmp_path / "shared"
    bridge_file.remove(root, "another's")
    assert bridge_file.read(root) == address()
    bridge_file.remove(root, "secret")
    assert bridge_file.read(root) is None
