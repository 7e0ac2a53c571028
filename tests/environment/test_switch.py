"""Going over to a new environment, back again, and taking away what isn't used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from train_tools.environment import journal, manage, record, self_check, switch
from train_tools.environment.failure import SetupError
from train_tools.environment.manage import Manager
from train_tools.environment.place import Place, place
from train_tools.environment.plan import Stage, stages
from train_tools.environment.program import change
from train_tools.environment.self_check import Outcome
from train_tools.environment.status import ABSENT, BROKEN, READY, environment_status

NO_MODEL = Path("none.safetensors")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    """Makes real environments, whose packages are words; nothing is tried on the network."""

    def quick(chosen: Place, base_python: str, revision: object) -> list[Stage]:
        found = []
        for stage in stages(chosen, sys.executable, with_tests=False):
            command = [sys.executable, "-c", "print('installed')"]
            if stage.name == "venv":
                command = [sys.executable, "-m", "venv", "--without-pip", str(chosen.folder)]
            found.append(Stage(stage.name, stage.text, stage.content, lambda _, command=command: [[command]]))
        return found

    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    monkeypatch.setattr(switch, "all_stages", quick)
    monkeypatch.setattr(manage.mirror_choice, "find_out", lambda *_: {})
    monkeypatch.setattr(Manager, "check", lambda *_: [Outcome("step", self_check.OK, "")])
    return Manager(tmp_path / "root", NO_MODEL, lambda _: None, os.environ)


def used() -> Place:
    found = place()
    assert found is not None
    return found


def state() -> str:
    return environment_status(os.environ).state


def test_made_upgraded_gone_back_and_removed(manager: Manager, tmp_path: Path) -> None:
    assert state() == ABSENT
    first = manager.create().folder
    assert (state(), first) == (READY, tmp_path / "env")
    second = manager.upgrade().folder
    assert second.name.startswith("env-up-")
    assert (used().folder, state()) == (second, READY)
    assert switch.roll_back(used()) == first
    assert (used().folder, used().kept, state()) == (first, True, READY)
    with pytest.raises(SetupError, match="kept"):
        manager.create()
    assert switch.roll_back(used()) == second, "and forth"
    assert not used().kept
    assert switch.left_over(used()) == [first]
    assert switch.remove(used(), [first]) == [first]
    assert not first.exists()
    assert (used().folder, state()) == (second, READY)
    with pytest.raises(SetupError, match="no environment to go back to"):
        switch.roll_back(used())
    switch.remove(used(), [second])
    assert [path.name for path in tmp_path.glob("env*") if path.is_dir()] == []
    assert state() == ABSENT
    assert manager.create().folder == first


def test_one_that_was_kept_and_removed_is_made_anew(manager: Manager) -> None:
    first = manager.create()
    manager.upgrade()
    switch.roll_back(used())
    switch.remove(used(), [*switch.left_over(used()), first.folder])
    assert (state(), used().kept) == (ABSENT, False)
    assert manager.create().identity()
    assert state() == READY


def test_an_upgrade_that_does_not_work_changes_nothing(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = manager.create().folder
    monkeypatch.setattr(Manager, "check", lambda *_: [Outcome("step", self_check.FAILED, "it fell")])
    with pytest.raises(SetupError, match="the old one stays: it fell"):
        manager.upgrade()
    assert (used().folder, state()) == (old, READY)
    assert journal.read(used().journal)[-1]["event"] == "failed"
    (half,) = switch.left_over(used())
    monkeypatch.setattr(Manager, "check", lambda *_: [])
    assert manager.upgrade().folder == half, "what was built is taken up again"


def test_a_failed_set_up_is_in_the_journal(manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(SetupError, match="was not made by this program"):
        manager.create()
    (event,) = journal.read(used().journal)
    assert (event["event"], "was not made by this program" in event["text"]) == ("failed", True)
    assert state() == BROKEN


def test_a_failure_in_offline_mode_says_that_it_is_on(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(chosen: Place, *_: object) -> list[Stage]:
        command = [sys.executable, "-c", "import sys; sys.exit('no matching distribution')"]
        return [Stage("run", "installing", lambda: "1", lambda _: [[command]])]

    monkeypatch.setattr(switch, "all_stages", failing)
    with pytest.raises(SetupError) as told:
        manager.create()
    assert "offline mode" not in str(told.value)
    change(manager.root, {"offline": "yes"})
    with pytest.raises(SetupError, match="offline=false"):
        manager.create()
    assert "offline=false" in journal.read(used().journal)[-1]["text"]


def test_a_program_that_finds_all_done_says_so(manager: Manager) -> None:
    chosen = manager.create()
    (chosen.stamps / record.FILE).unlink()
    manager.create()
    assert record.read(chosen).size > 0
    assert [event["event"] for event in journal.read(used().journal)] == ["finished"]


def test_only_what_we_made_is_removed(manager: Manager, tmp_path: Path) -> None:
    manager.create()
    for name in ("env-mine", "env-up-20260101-000000", "other"):
        (tmp_path / name).mkdir()
    assert switch.left_over(used()) == []
    for name in ("env-mine", "env-up-20260101-000000", "other"):
        with pytest.raises(SetupError, match="left alone"):
            switch.remove(used(), [tmp_path / name])
    assert {path.name for path in tmp_path.iterdir()} >= {"env-mine", "env-up-20260101-000000", "other"}


def test_while_one_is_made_none_is_removed(manager: Manager) -> None:
    chosen = manager.create()
    code = (
        "import sys\nfrom pathlib import Path\nfrom train_tools.environment.lock import held\n"
        "with held(Path(sys.argv[1]), lambda: None):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(chosen.lock)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        with pytest.raises(SetupError, match="another process"):
            switch.remove(chosen, [chosen.folder])
    finally:
        holder.communicate()
    assert chosen.python.exists()


def test_links_in_it_lead_nowhere(manager: Manager, tmp_path: Path) -> None:
    chosen = manager.create()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(b"")
    (chosen.folder / "link").symlink_to(tmp_path / "pictures", target_is_directory=True)
    switch.remove(chosen, [chosen.folder])
    assert (tmp_path / "pictures" / "1.png").exists()
    assert not chosen.folder.exists()


def test_the_running_environment_is_not_removed(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = manager.create()
    monkeypatch.setattr(sys, "prefix", str(chosen.folder))
    with pytest.raises(SetupError, match="another Python"):
        switch.remove(chosen, [chosen.folder])
    assert chosen.python.exists()
