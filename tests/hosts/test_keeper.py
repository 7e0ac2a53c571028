"""A training's side of a shared GPU, against a real bridge and a double of the webui."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import Model, install

from train_tools.hosts import bridge_server, keeper
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import PAUSE, WAIT
from train_tools.hosts.keeper import Keeper
from train_tools.hosts.webui import Webui

REPORT = {"first": 3, "last": 3, "total": 8, "percent": 40.0}


class Desk:
    def __init__(self, double: Any, root: Path) -> None:
        self.double, self.root = double, root
        self.said: list[str] = []
        self.mode = WAIT
        self.bridges: list[Bridge] = []
        self.keeper = Keeper(root, self.said.append)

    def start(self) -> Bridge:
        bridge = Bridge(Webui(), self.root, lambda: self.mode)
        bridge.start()
        self.bridges.append(bridge)
        return bridge

    @property
    def is_out(self) -> bool:
        return bool(self.double.data.sd_model.place == "cpu" and self.double.lock.locked())

    @property
    def is_back(self) -> bool:
        return bool(self.double.data.sd_model.place == "gpu" and not self.double.lock.locked())


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    for name, seconds in (("TELL_S", 0.05), ("FIND_S", 0.05), ("AWAY_S", 1.0)):
        monkeypatch.setattr(keeper, name, seconds)
    monkeypatch.setattr(bridge_server, "LOOK_S", 0.1)
    found = Desk(install(monkeypatch, folder=tmp_path / "webui"), tmp_path)
    yield found
    found.keeper.close()
    for bridge in found.bridges:
        bridge.close()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_the_memory_is_there_when_the_training_starts(desk: Desk) -> None:
    bridge = desk.start()
    with desk.keeper.training(lambda: REPORT):
        assert desk.is_out
        until(lambda: bool(bridge.trainings.shown()))
        (told,) = bridge.trainings.shown()
        assert (told.state, told.first, told.total, told.percent) == ("training", 3, 8, 40.0)
    assert desk.keeper.wishes_pause is False
    until(lambda: desk.is_back)
    desk.keeper.close()
    assert bridge.trainings.shown() == []
    assert desk.said == []


def test_without_a_webui_nothing_is_waited_for(desk: Desk) -> None:
    with desk.keeper.training(lambda: REPORT):
        pass
    assert desk.said == []


@pytest.mark.timeout(60)
def test_it_is_there_again_after_it_was_closed(desk: Desk) -> None:
    """A worker that was about to end goes on where something was added."""
    bridge = desk.start()
    for _ in range(2):
        with desk.keeper, desk.keeper.training(lambda: REPORT):
            assert desk.is_out
            until(lambda: bool(bridge.trainings.shown()))
        until(lambda: desk.is_back)
    assert bridge.trainings.shown() == []


def test_a_webui_that_starts_in_the_middle_is_asked_too(desk: Desk) -> None:
    with desk.keeper.training(lambda: REPORT):
        bridge = desk.start()
        until(lambda: desk.is_out)
        until(lambda: bool(bridge.trainings.shown()))
    until(lambda: desk.is_back)


def test_a_webui_that_is_reloaded_lets_go_and_is_asked_anew(desk: Desk) -> None:
    first = desk.start()
    with desk.keeper.training(lambda: REPORT):
        first.close()
        until(lambda: desk.is_back)
        second = desk.start()
        until(lambda: desk.is_out)
        until(lambda: bool(second.trainings.shown()))
    until(lambda: desk.is_back)


def test_a_model_that_is_loaded_at_the_webuis_start_goes_out_as_soon_as_it_is_there(desk: Desk) -> None:
    """modules/initialize.py loads it in a thread that takes no queue lock."""
    desk.double.data.sd_model = None
    desk.double.data.loaded_sd_models.clear()
    desk.start()
    with desk.keeper.training(lambda: REPORT):
        until(desk.double.lock.locked)
        desk.double.data.sd_model = model = Model(None)
        until(lambda: model.place == "cpu")


def test_a_pause_for_pictures(desk: Desk) -> None:
    bridge = desk.start()
    with desk.keeper.training(lambda: REPORT):
        assert not desk.keeper.wishes_pause
        until(lambda: bool(bridge.trainings.shown()))
        bridge.trainings.pause()
        until(lambda: desk.keeper.wishes_pause)
        assert desk.is_out, "until the training has saved its state"
    until(lambda: desk.is_back)
    until(lambda: bridge.trainings.shown()[0].state == "paused")
    assert desk.keeper.wishes_pause
    bridge.trainings.go_on()
    until(lambda: not desk.keeper.wishes_pause)
    with desk.keeper.training(lambda: REPORT):
        assert desk.is_out
        assert not desk.keeper.wishes_pause


def test_a_picture_that_is_asked_for_pauses_where_that_is_set(desk: Desk) -> None:
    desk.mode = PAUSE
    desk.start()
    with desk.keeper.training(lambda: REPORT):
        assert desk.is_out
        desk.double.pending["task(1)"] = 1.0
        until(lambda: desk.keeper.wishes_pause)


def test_a_paused_training_goes_on_where_the_webui_has_ended(desk: Desk) -> None:
    bridge = desk.start()
    with desk.keeper.training(lambda: REPORT):
        until(lambda: bool(bridge.trainings.shown()))
        bridge.trainings.pause()
        until(lambda: desk.keeper.wishes_pause)
    bridge.close()
    until(lambda: not desk.keeper.wishes_pause)


def test_a_paused_training_stays_so_in_a_webui_that_was_reloaded(desk: Desk) -> None:
    bridge = desk.start()
    with desk.keeper.training(lambda: REPORT):
        until(lambda: bool(bridge.trainings.shown()))
        bridge.trainings.pause()
        until(lambda: desk.keeper.wishes_pause)
    bridge.close()
    second = desk.start()
    until(lambda: bool(second.trainings.shown()))
    assert second.trainings.is_pause_wished
    second.trainings.go_on()
    until(lambda: not desk.keeper.wishes_pause)


def test_a_webui_that_cant_free_its_memory_is_told_of_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.start()
    monkeypatch.setattr("train_tools.hosts.webui_memory.memory_of", lambda: None)
    with desk.keeper.training(lambda: REPORT):
        time.sleep(0.3)
    (said,) = desk.said
    assert (
        said
        == "the webui keeps its model while this trains: this webui doesn't let extensions free its memory"
    )


def test_a_model_that_stays_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = desk.start()
    monkeypatch.setattr(
        sys.modules["modules.sd_models"], "send_model_to_cpu", lambda m: m.places.append("gpu")
    )
    with desk.keeper.training(lambda: REPORT):
        pass
    (said,) = desk.said
    assert "it kept 1 of its models in the GPU's memory" in said
    assert "kept 1 of its models" in str(bridge.capabilities()["memory"])


def test_a_webui_that_answers_late_keeps_the_training_its_memory(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = desk.start()
    with desk.keeper.training(lambda: REPORT):
        until(lambda: bool(bridge.trainings.shown()))

        def late(told: Any) -> bool:
            raise TimeoutError("busy")

        monkeypatch.setattr(bridge.trainings, "tell", late)
        time.sleep(0.5)
        assert desk.is_out
        assert desk.double.data.sd_model.places == ["cpu"], "it wasn't given back meanwhile"


def test_a_busy_webui_is_waited_for(desk: Desk) -> None:
    desk.double.lock.acquire()
    desk.start()
    entered = threading.Event()

    def train() -> None:
        with desk.keeper.training(lambda: REPORT):
            entered.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert not entered.wait(0.3)
    desk.double.lock.release()
    assert entered.wait(5)
    thread.join()
