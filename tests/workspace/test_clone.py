"""A copy is whole and its own, or it isn't there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workspace.samples import add_run, contents, put

import train_tools
from train_tools.errors import UsageError
from train_tools.workspace import clone, settings, tree
from train_tools.workspace.clone import clone_project, clone_version, start_from
from train_tools.workspace.lock import writing
from train_tools.workspace.run_folder import process_start, read_arguments
from train_tools.workspace.workspace import Version, Workspace

SLOW_CLONE = """
import sys, time
from pathlib import Path
from train_tools.workspace.clone import clone_version
from train_tools.workspace.workspace import Workspace

def report(done, of, name):
    print(name, flush=True)
    time.sleep(0.05)

workspace = Workspace(Path(sys.argv[1]))
clone_version(workspace, workspace.version("zorb", "v1"), "zorb", "v2", with_runs=True, report=report)
"""


def test_with_runs_everything_is_there_and_the_source_is_as_it_was(
    workspace: Workspace, full: Version
) -> None:
    before = contents(full.folder)
    done = clone_version(workspace, full, "zorb", "v2", with_runs=True)
    copy = workspace.version("zorb", "v2")
    assert contents(copy.folder) == contents(full.folder) == before
    assert (done.files, done.bytes) == (len(before), sum(map(len, before.values())))
    (copy.processed / "10_zorb" / "00001-0-a.txt").write_text("changed", encoding="utf-8")
    assert contents(full.folder) == before
    arguments = read_arguments(copy.trains / "base-bs-1")
    assert arguments["train_data_dir"] == str(copy.processed.absolute())
    assert arguments["output_dir"] == str((copy.trains / "base-bs-1").absolute())


def test_without_runs(workspace: Workspace, full: Version) -> None:
    clone_version(workspace, full, "zorb", "v2", with_runs=False)
    copy = workspace.version("zorb", "v2")
    assert [path.name for path in copy.trains.iterdir()] == []
    assert not (copy.folder / "previews").exists()
    assert contents(copy.folder / "dataset") == contents(full.folder / "dataset")


def test_a_copy_in_another_project_keeps_its_trigger_word(workspace: Workspace, full: Version) -> None:
    workspace.create_project("other")
    clone_version(workspace, full, "other", "v1", with_runs=False)
    assert settings.read(workspace.version("other", "v1"))["dataset"] == {"width": 640, "concept": "zorb"}
    assert "concept" not in settings.read(full)["dataset"]


def test_a_project_is_copied_with_its_versions(workspace: Workspace, full: Version) -> None:
    workspace.create_version("zorb", "v2")
    clone_project(workspace, workspace.project("zorb"), "copy", with_runs=False)
    assert [version.name for version in workspace.versions("copy")] == ["v1", "v2"]
    copy = workspace.version("copy", "v1")
    assert contents(copy.folder / "dataset") == contents(full.folder / "dataset")
    assert list(copy.trains.iterdir()) == []
    assert settings.read(copy)["dataset"]["concept"] == "zorb"


@pytest.mark.parametrize(
    ("take", "images", "width"),
    [(("data",), 2, None), (("settings",), 0, 640), (("data", "settings"), 2, 640)],
)
def test_a_version_starts_from_another(
    workspace: Workspace, full: Version, take: tuple[str, ...], images: int, width: int | None
) -> None:
    start_from(workspace, full, "zorb", "v2", take)
    made = workspace.version("zorb", "v2")
    assert len(list(made.processed.rglob("*.png"))) == images
    assert settings.read(made)["dataset"].get("width") == width
    assert not made.history.exists()
    assert list(made.trains.iterdir()) == []


def test_what_to_take_must_be_known(workspace: Workspace, full: Version) -> None:
    for take in (("runs",), ("data", "x"), ("",)):
        with pytest.raises(UsageError, match="allowed: data, settings"):
            start_from(workspace, full, "zorb", "v2", take)
    assert [version.name for version in workspace.versions("zorb")] == ["v1"]


def test_links_are_left_out_by_name(workspace: Workspace, full: Version, tmp_path: Path) -> None:
    put(tmp_path / "secret.txt", b"secret")
    try:
        (full.origin / "link.txt").symlink_to(tmp_path / "secret.txt")
    except OSError:
        pytest.skip("links need rights on Windows")
    done = clone_version(workspace, full, "zorb", "v2", with_runs=True)
    assert done.left_out == ("dataset/origin/link.txt: a link or no file",)
    assert not (workspace.version("zorb", "v2").origin / "link.txt").exists()


def test_a_run_in_training_is_left_out_by_name(workspace: Workspace, full: Version) -> None:
    here = {"pid": os.getpid(), "process_started": process_start(os.getpid())}
    add_run(full, "now", "running", **here)
    done = clone_version(workspace, full, "zorb", "v2", with_runs=True)
    assert done.left_out == ("now: it is being trained",)
    assert [path.name for path in workspace.version("zorb", "v2").trains.iterdir()] == ["base-bs-1"]


def test_a_version_that_is_written_is_not_copied(workspace: Workspace, full: Version) -> None:
    code = "import sys; exec(sys.argv[1])"
    script = (
        "from pathlib import Path\n"
        "from train_tools.workspace.clone import clone_version\n"
        "from train_tools.workspace.workspace import Workspace\n"
        f"w = Workspace(Path({str(workspace.root)!r}))\n"
        "clone_version(w, w.version('zorb', 'v1'), 'zorb', 'v2', with_runs=True)\n"
    )
    with writing(full, "processing images"):
        result = subprocess.run(
            [sys.executable, "-c", code, script], capture_output=True, text=True, env=environment()
        )
    assert "is being written by process" in result.stderr
    assert "(processing images" in result.stderr


def test_a_cancelled_copy_leaves_nothing(workspace: Workspace, full: Version) -> None:
    names = {path.name for path in full.folder.parent.iterdir()}

    def cancel(done: int, of: int, name: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clone_version(workspace, full, "zorb", "v2", with_runs=True, report=cancel)
    assert {path.name for path in full.folder.parent.iterdir()} == names


def test_too_small_a_disk_is_told_before(
    workspace: Workspace, full: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(UsageError, match="make room"):
        clone_version(workspace, full, "zorb", "v2", with_runs=True)
    assert [path.name for path in full.folder.parent.iterdir()] == ["v1"]


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_kill_9_leaves_no_half_copy(workspace: Workspace, full: Version) -> None:
    before = contents(full.folder)
    for after_files in (1, 4, len(before) - 1):
        with subprocess.Popen(
            [sys.executable, "-c", SLOW_CLONE, str(workspace.root)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            assert process.stdout is not None
            for _ in range(after_files):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert [version.name for version in workspace.versions("zorb")] == ["v1"]
    clone.clone_version(workspace, full, "zorb", "v2", with_runs=True)
    assert contents(workspace.version("zorb", "v2").folder) == before == contents(full.folder)
    a_day_ago = time.time() - 2 * 24 * 3600
    for left in full.folder.parent.glob(".tmp-*"):
        os.utime(left, (a_day_ago, a_day_ago))
    clone.clone_version(workspace, full, "zorb", "v3", with_runs=True)
    assert not list(full.folder.parent.glob(".tmp-*"))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(train_tools.__file__).parents[1])}
