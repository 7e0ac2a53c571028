"""What the page and the webui's tab are told of the environment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train_tools.environment import journal, lock, record
from train_tools.environment.failure import SetupError
from train_tools.environment.machine import Machine
from train_tools.environment.place import Place, place
from train_tools.environment.plan import Stage, stages
from train_tools.environment.setup import is_due, prepare
from train_tools.environment.stamps import fingerprint, write
from train_tools.environment.status import ABSENT, BROKEN, MAKING, READY, environment_status

HOLD = """\
import sys
from pathlib import Path
from train_tools.environment.lock import held
with held(Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path: Path) -> Place:
    found = place({"TRAIN_TOOLS_ENV": str(tmp_path / "env")})
    assert found is not None
    return found


def status(here: Place) -> tuple[str, str]:
    found = environment_status({"TRAIN_TOOLS_ENV": str(here.base or here.folder)})
    return found.state, found.error


def make(here: Place) -> None:
    """All stages, the installing ones by their stamps alone."""
    here.stamps.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here.folder], check=True)
    for stage in stages(here, sys.executable, with_tests=False):
        write(here.stamps, stage.name, fingerprint(stage.content()))


def stage_that(name: str, code: str) -> Stage:
    def attempts(machine: Machine) -> list[list[list[str]]]:
        return [[[sys.executable, "-c", code]]]

    return Stage(name, f"doing {name}", lambda: "content", attempts)


def test_from_nothing_to_ready(here: Place) -> None:
    assert status(here) == (ABSENT, "")
    here.stamps.mkdir(parents=True)
    state, error = status(here)
    assert state == BROKEN
    assert "env create" in error
    here.stamps.rmdir()
    here.folder.rmdir()
    make(here)
    assert status(here) == (READY, "")
    here.python.unlink()
    assert status(here)[0] == BROKEN


def test_another_folder_is_named(here: Place) -> None:
    here.folder.mkdir()
    (here.folder / "mine.txt").write_text("", encoding="utf-8")
    state, error = status(here)
    assert state == BROKEN
    assert "was not made by this program" in error


def test_while_it_is_made_the_journal_is_shown(here: Place) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(here.lock)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    journal.Journal(here.journal).stage("torch", 1, 3, "installing torch")
    try:
        found = environment_status({"TRAIN_TOOLS_ENV": str(here.folder)})
    finally:
        holder.communicate()
    assert found.state == MAKING
    assert (found.progress["stage"], found.progress["done"], found.progress["total"]) == ("torch", 1, 3)
    assert not lock.is_held(here.lock)


def test_a_failed_set_up_is_told_until_it_works(here: Place) -> None:
    venv = stages(here, sys.executable, with_tests=False)[0]
    bad = stage_that("run", "import sys; print('No space left on device'); sys.exit(1)")
    with pytest.raises(SetupError):
        prepare(here, [Stage(venv.name, venv.text, venv.content, _without_pip(here)), bad], lambda _: None)
    state, error = status(here)
    assert state == BROKEN
    assert "the disk is full" in error
    events = [event["event"] for event in journal.read(here.journal)]
    assert events == ["stage", "stage", "failed"]
    prepare(here, [stage_that("run", "print('fine')")], lambda _: None)
    assert journal.read(here.journal)[-1]["event"] == "finished"


def _without_pip(here: Place):  # type: ignore[no-untyped-def]
    return lambda _: [[[sys.executable, "-m", "venv", "--without-pip", str(here.folder)]]]


def test_versions_and_size_are_recorded(here: Place) -> None:
    make(here)
    (site,) = record.site_packages(here.folder)
    info = site / "torch-2.13.0+cpu.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: Torch\nVersion: 2.13.0+cpu\n", encoding="utf-8"
    )
    (site / "half-1.dist-info").mkdir()
    (here.folder / "big").write_bytes(b"x" * 1000)
    (here.folder / "same").hardlink_to(here.folder / "big")
    before = time.time()
    made = record.write(here)
    assert made.made >= before
    found = environment_status({"TRAIN_TOOLS_ENV": str(here.folder)})
    assert found.versions == {"torch": "2.13.0+cpu"}
    assert found.size == made.size == record.size_of(here.folder) - (here.stamps / record.FILE).stat().st_size
    (here.folder / "same").unlink()
    assert record.size_of(here.folder) == made.size + (here.stamps / record.FILE).stat().st_size


def test_an_environment_beside_is_used_when_the_pointer_names_it(here: Place) -> None:
    make(here)
    beside = here.folder.with_name("env-2")
    beside.mkdir()
    for text, folder in [
        ('{"folder": "env-2"}', beside), ('{"folder": "../etc"}', here.folder), ('{"folder": "gone"}', here.folder),
        ('{"folder": "env-3"}', here.folder), ("{", here.folder), ("[]", here.folder),
    ]:  # fmt: skip
        here.pointer.write_text(text, encoding="utf-8")
        found = place({"TRAIN_TOOLS_ENV": str(here.folder)})
        assert found is not None
        assert found.folder == folder
        assert (found.lock, found.log, found.journal) == (here.lock, here.log, here.journal)


def test_one_that_was_gone_back_to_stays_as_it_is(here: Place) -> None:
    make(here)
    write(here.stamps, "run", "of an older lock")
    assert status(here)[0] == BROKEN
    here.pointer.write_text(json.dumps({"folder": here.folder.name, "kept": True}), encoding="utf-8")
    assert status(here) == (READY, "")
    assert is_due(here, stages(here, sys.executable, with_tests=False)[2])


def test_the_running_python_counts_as_ready() -> None:
    found = environment_status({"TRAIN_TOOLS_ENV": "current"})
    assert found.state == READY
    assert found.versions["torch"].startswith("2.13")
