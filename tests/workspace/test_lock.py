"""Two writers on one version: the second is told who is at work, and a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import train_tools
from train_tools.errors import UsageError
from train_tools.workspace.lock import HOLDER, writing
from train_tools.workspace.trash import delete_version
from train_tools.workspace.workspace import Version, Workspace

HOLD = """
import sys
from pathlib import Path
from train_tools.workspace.lock import writing
from train_tools.workspace.trash import delete_version
from train_tools.workspace.workspace import Workspace
with writing(Workspace(Path(sys.argv[1])).version("zorb", "v1"), "processing images"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def version(tmp_path: Path) -> Version:
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    return workspace.create_version("zorb", "v1")


@pytest.fixture
def other(tmp_path: Path, version: Version) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes into the version until its input ends."""
    environment = {**os.environ, "PYTHONPATH": str(Path(train_tools.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_told_who_writes(version: Version, other: subprocess.Popen[str]) -> None:
    with pytest.raises(UsageError) as caught, writing(version, "captioning"):
        pytest.fail("two writers at once")
    text = str(caught.value)
    assert f"zorb v1 is being written by process {other.pid} (processing images, since 20" in text
    assert "wait until it is done" in text


def test_free_again_when_the_other_is_done(version: Version, other: subprocess.Popen[str]) -> None:
    other.communicate()
    with writing(version, "captioning"):
        assert (version.folder / HOLDER).exists()
    assert not (version.folder / HOLDER).exists()


def test_a_killed_holder_holds_nothing(version: Version, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert (version.folder / HOLDER).exists()
    with writing(version, "captioning"):
        assert "captioning" in (version.folder / HOLDER).read_text(encoding="utf-8")


def test_a_service_may_call_another_one(version: Version) -> None:
    with writing(version, "processing"):
        with writing(version, "captioning"):
            pass
        with pytest.raises(UsageError, match="processing"):
            in_another_thread(version)
    in_another_thread(version)


def test_an_error_lets_go(version: Version) -> None:
    with pytest.raises(KeyboardInterrupt), writing(version, "processing"):
        raise KeyboardInterrupt
    in_another_thread(version)


def test_versions_lock_apart(tmp_path: Path, version: Version) -> None:
    second = Workspace(tmp_path).create_version("zorb", "v2")
    with writing(version, "processing"):
        in_another_thread(second)


def test_a_version_that_is_gone_is_not_made_again(tmp_path: Path, version: Version) -> None:
    delete_version(Workspace(tmp_path), "zorb", "v1")
    with pytest.raises(UsageError, match="renamed or deleted"), writing(version, "processing"):
        pytest.fail("there is nothing to write into")
    assert not version.folder.exists()


def in_another_thread(version: Version) -> None:
    """What the service meets when another tab of the page calls it; raises what it raises."""
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with writing(version, "captioning"):
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
