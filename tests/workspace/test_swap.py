"""A crash at any rename of a swap leaves the old folder or the new one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from train_tools.workspace import swap


class Crash(BaseException):
    """Stands for the power going: nothing may catch it and tidy up."""


@pytest.mark.parametrize(("crash_before", "expected"), [(1, "old"), (2, "old"), (3, "new"), (4, "new")])
def test_crash_before_each_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_before: int, expected: str
) -> None:
    current, archive = tmp_path / "processed", tmp_path / "history" / "1"
    current.mkdir()
    (current / "old").touch()
    building = swap.begin(current)
    (building / "new").touch()
    renames = 0
    real = swap.replace

    def crashing(source: Path, target: Path) -> None:
        nonlocal renames
        renames += 1
        if renames == crash_before:
            raise Crash
        real(source, target)

    monkeypatch.setattr(swap, "replace", crashing)
    if crash_before <= 3:
        with pytest.raises(Crash):
            swap.swap(building, current, archive)
    else:
        swap.swap(building, current, archive)
    monkeypatch.undo()
    swap.finish_swap(current)
    assert [path.name for path in current.iterdir()] == [expected]
    if expected == "new":
        assert [path.name for path in archive.iterdir()] == ["old"]


def test_a_rename_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = tmp_path / "processed"
    current.mkdir()
    (current / "old").touch()
    building = swap.begin(current)
    real = swap.replace

    def failing(source: Path, target: Path) -> None:
        if source.name.startswith(swap.READY):
            raise PermissionError(13, "in use")
        real(source, target)

    monkeypatch.setattr(swap, "replace", failing)
    with pytest.raises(PermissionError):
        swap.swap(building, current, tmp_path / "history" / "1")
    assert [path.name for path in current.iterdir()] == ["old"]


def test_leftovers_go_after_a_day_and_not_before(tmp_path: Path) -> None:
    old, fresh = swap.begin(tmp_path / "processed"), swap.begin(tmp_path / "processed")
    yesterday = time.time() - swap.STALE_SECONDS - 60
    os.utime(old, (yesterday, yesterday))
    swap.begin(tmp_path / "processed")
    assert not old.exists()
    assert fresh.exists()


@pytest.mark.parametrize("looks_after", [1, 2])
@pytest.mark.parametrize("is_first", [True, False])
def test_whoever_opens_the_version_meanwhile_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool, looks_after: int
) -> None:
    current, archive = tmp_path / "processed", tmp_path / "history" / "1"
    if not is_first:
        current.mkdir()
        (current / "old").touch()
    building = swap.begin(current)
    (building / "new").touch()
    renames, real = 0, swap.replace

    def watched(source: Path, target: Path) -> None:
        nonlocal renames
        renames += 1
        real(source, target)
        if renames == looks_after:
            swap.finish_swap(current)

    monkeypatch.setattr(swap, "replace", watched)
    assert swap.swap(building, current, archive) is not is_first
    assert [path.name for path in current.iterdir()] == ["new"]
    assert archive.exists() is not is_first


def test_a_swap_that_its_own_process_finishes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = tmp_path / "processed"
    building = swap.begin(current)
    (building / "new").touch()
    ready = swap.ready_name(current, building)
    building.rename(ready)
    real = swap.replace

    def too_late(source: Path, target: Path) -> None:
        real(source, target)
        real(source, target)

    monkeypatch.setattr(swap, "replace", too_late)
    swap.finish_swap(current)
    assert [path.name for path in current.iterdir()] == ["new"]
