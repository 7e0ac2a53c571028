"""kill -9 at every single change that an operation makes on disk: the old state or the new one is there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workspace.samples import contents, fill

from train_tools.workspace import settings
from train_tools.workspace.archive import export_version
from train_tools.workspace.clone import clone_project, clone_version, start_from
from train_tools.workspace.rename import rename_project, rename_version
from train_tools.workspace.settings_file import load
from train_tools.workspace.trash import delete_project, delete_version, list_trash, restore
from train_tools.workspace.unpack import import_version
from train_tools.workspace.workspace import Version, Workspace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 of a fork")

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
Operation = Callable[[Workspace], Any]


def version_of(workspace: Workspace) -> Version:
    return workspace.version("zorb", "v1")


def with_trash(workspace: Workspace) -> None:
    fill(workspace.create_version("zorb", "gone"))
    delete_version(workspace, "zorb", "gone")


def with_zip(workspace: Workspace) -> None:
    export_version(version_of(workspace), workspace.root / "v.zip", with_runs=True, with_originals=True)


def nothing(workspace: Workspace) -> None:
    pass


OPERATIONS: dict[str, tuple[Operation, Operation]] = {
    "create project": (nothing, lambda w: w.create_project("new")),
    "rename version": (nothing, lambda w: rename_version(w, "zorb", "v1", "v2")),
    "rename project": (nothing, lambda w: rename_project(w, "zorb", "new")),
    "clone version": (nothing, lambda w: clone_version(w, version_of(w), "zorb", "v2", with_runs=True)),
    "clone project": (nothing, lambda w: clone_project(w, w.project("zorb"), "new", with_runs=False)),
    "start from": (nothing, lambda w: start_from(w, version_of(w), "zorb", "v2", ("data", "settings"))),
    "delete version": (nothing, lambda w: delete_version(w, "zorb", "v1")),
    "delete project": (nothing, lambda w: delete_project(w, "zorb")),
    "restore": (with_trash, lambda w: restore(w, "gone")),
    "restore elsewhere": (
        lambda w: (with_trash(w), w.create_project("other")),
        lambda w: restore(w, "gone", project="other"),
    ),
    "import": (with_zip, lambda w: import_version(w, "zorb", w.root / "v.zip")),
    "set": (nothing, lambda w: settings.update(version_of(w), "dataset", {"width": 768})),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_kill_9_at_every_step(name: str, workspace: Workspace, full: Version, tmp_path: Path) -> None:
    prepare, operate = OPERATIONS[name]
    prepare(workspace)
    kept = tmp_path / "kept"
    shutil.copytree(workspace.root, kept)
    old = state(workspace)
    changes = run(workspace, operate)
    new = state(workspace)
    assert new != old
    states = []
    for number in steps(changes):
        shutil.rmtree(workspace.root)
        shutil.copytree(kept, workspace.root)
        assert run(workspace, operate, kill_at=number) is None
        states.append(state(workspace))
    assert [found for found in states if found not in (old, new)] == []
    assert states[0] == old


def test_a_killed_export_leaves_no_zip(workspace: Workspace, full: Version) -> None:
    file = workspace.root / "v.zip"
    changes = run(workspace, with_zip)
    assert import_version(workspace, "zorb", file).files == len(contents(full.folder))
    for number in range(changes):
        file.unlink(missing_ok=True)
        assert run(workspace, with_zip, kill_at=number) is None
        assert not file.exists() or import_version(workspace, "zorb", file)


def steps(changes: int) -> list[int]:
    """All of few; of many the first, the last, and some of the copying between."""
    return sorted({*range(min(8, changes)), *range(8, changes, 5), *range(max(0, changes - 8), changes)})


def run(workspace: Workspace, operate: Operation, kill_at: int | None = None) -> Any:
    """Runs it in a process of its own: how many changes it made, None where it was killed before `kill_at`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            if event in CHANGES or (event == "open" and is_writing(arguments)):
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        try:
            sys.addaudithook(watch)
            operate(workspace)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os.write(writer, str(count).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return int(text) if text else None


def is_writing(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def state(workspace: Workspace) -> dict[str, Any]:
    """What a person sees: projects, their versions with all files, and the trash."""
    return {
        "projects": {
            project.name: {v.name: seen(v) for v in workspace.versions(project.name)}
            for project in workspace.projects()
        },
        "trash": sorted(str(trashed.origin) for trashed in list_trash(workspace)),
    }


def seen(version: Version) -> dict[str, Any]:
    files = contents(version.folder)
    files.pop("version.toml", None)
    data = load(version).data
    # A concept that is written down before the project is renamed means the same as the project's name.
    data["dataset"] = {"concept": version.project, **data.get("dataset", {})}
    return {**files, "settings": data}


def test_a_careless_writer_would_be_caught(workspace: Workspace, full: Version) -> None:
    kept = full.settings_file.read_bytes()

    def careless(w: Workspace) -> None:
        text = kept.decode()
        full.settings_file.write_text("", encoding="utf-8")
        full.settings_file.write_text(text + "\n[preview]\nseed = 2\n", encoding="utf-8")

    assert run(workspace, careless, kill_at=1) is None
    assert full.settings_file.read_bytes() == b""
