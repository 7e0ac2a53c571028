"""A training asks the webui that runs for its root to free the GPU, and needs nothing of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench
from execution.fake_engine import STEPS, settings
from hosts.doubles import install

from train_tools.execution import queue_actions
from train_tools.execution.events import last_events
from train_tools.execution.queue import DRAWS
from train_tools.execution.train import train
from train_tools.execution.worker import Worker
from train_tools.hosts import keeper
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT
from train_tools.hosts.webui import Webui
from train_tools.planning.plan import make_plan


@pytest.fixture
def webui(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(keeper, "TELL_S", 0.02)
    double = install(monkeypatch, folder=bench.root)
    double.bridge = Bridge(Webui(), bench.root, lambda: WAIT)
    double.bridge.start()
    yield double
    double.bridge.close()


def given_back(webui: Any) -> bool:
    for _ in range(200):
        if not webui.lock.locked():
            return True
        time.sleep(0.02)
    return False


def test_the_worker_lends_and_gives_back(bench: Bench, webui: Any) -> None:
    bench.add(seed="1,2", pack_size="1")
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert given_back(webui)
    assert webui.data.sd_model.places == ["cpu", "gpu"] * 2


def test_a_training_outside_of_the_queue_too(bench: Bench, webui: Any) -> None:
    results = train(
        bench.version, make_plan(bench.version, settings(bench.root, seed="7")), lambda run, event: None
    )
    assert [result.state for result in results] == ["finished"]
    assert given_back(webui)
    assert webui.data.sd_model.places == ["cpu", "gpu"]


def test_a_webui_that_is_busy_too_long_stops_no_training(
    bench: Bench, webui: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keeper, "MEMORY_S", 0.3)
    webui.lock.acquire()
    bench.add(seed="1")
    bench.work()
    assert set(bench.states().values()) == {"finished"}
    assert "the webui keeps its model while this trains" in capsys.readouterr().out
    webui.lock.release()
    assert given_back(webui), "what comes too late is given back at once"
    assert webui.data.sd_model.place == "gpu"


def test_a_webui_that_ends_meanwhile_stops_no_training(bench: Bench, webui: Any, tmp_path: Path) -> None:
    bench.add(seed="1")
    ended = threading.Timer(0.2, webui.bridge.close)
    ended.start()
    bench.work()
    ended.join()
    assert set(bench.states().values()) == {"finished"}


def stepping(bench: Bench, number: int, steps: int = 4) -> bool:
    file = bench.entry(number).folder / "events.jsonl"
    return file.exists() and file.read_text().count('"step"') >= steps


def told(webui: Any, state: str) -> bool:
    return any(one.state == state for one in webui.bridge.trainings.shown())


def reaches(holds: Any) -> bool:
    for _ in range(1000):
        if holds():
            return True
        time.sleep(0.02)
    return False


def flags(bench: Bench) -> set[str]:
    with bench.queue.locked() as connection:
        return bench.queue.flags(connection, "gpu")


def test_a_pause_for_the_webuis_pictures_loses_no_step(bench: Bench, webui: Any) -> None:
    """As a person does it: pause in the webui's notice, draw, go on."""
    (number,) = bench.add(seed="1", training_comment="slow", train_batch_size="1")
    working = threading.Thread(target=lambda: Worker(bench.queue).run())
    working.start()
    assert reaches(lambda: stepping(bench, number) and told(webui, "training"))
    webui.bridge.trainings.pause()
    assert reaches(lambda: told(webui, "paused"))
    assert given_back(webui), "the picture is drawn"
    assert webui.data.sd_model.place == "gpu"
    assert reaches(lambda: bench.states() == {number: "interrupted"})
    assert flags(bench) == {DRAWS}
    webui.bridge.trainings.go_on()
    working.join(60)
    assert bench.states() == {number: "finished"}
    assert flags(bench) == set()
    steps = [e["step"] for e in last_events(bench.entry(number).folder, 1 << 20) if e["event"] == "step"]
    assert steps == list(range(1, 2 * STEPS + 1)), "none twice, none left out"


def test_the_queues_own_button_lets_it_go_on_too(bench: Bench, webui: Any) -> None:
    (number,) = bench.add(seed="1", training_comment="slow", train_batch_size="1")
    working = threading.Thread(target=lambda: Worker(bench.queue).run())
    working.start()
    assert reaches(lambda: stepping(bench, number) and told(webui, "training"))
    webui.bridge.trainings.pause()
    assert reaches(lambda: told(webui, "paused"))
    with bench.queue.locked() as connection:
        queue_actions.go_on(bench.queue, connection, "gpu")
    working.join(60)
    assert bench.states() == {number: "finished"}
    assert not webui.bridge.trainings.is_pause_wished


def test_a_pause_of_a_worker_that_was_killed_is_the_next_ones(
    bench: Bench, webui: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = bench.add(seed="1")
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", DRAWS, on=True)
    working = threading.Thread(target=lambda: Worker(bench.queue).run())
    working.start()
    assert reaches(lambda: told(webui, "paused"))
    assert bench.states() == {number: "queued"}
    webui.bridge.trainings.go_on()
    working.join(60)
    assert bench.states() == {number: "finished"}


def test_a_training_of_a_terminal_pauses_and_goes_on(bench: Bench, webui: Any) -> None:
    plan = make_plan(
        bench.version, settings(bench.root, seed="7", training_comment="slow", train_batch_size="1")
    )
    results: list[Any] = []
    steps: list[int] = []

    def report(run: Any, event: Any) -> None:
        if event["event"] == "step":
            steps.append(event["step"])

    working = threading.Thread(target=lambda: results.extend(train(bench.version, plan, report)))
    working.start()
    assert reaches(lambda: len(steps) > 3 and told(webui, "training"))
    webui.bridge.trainings.pause()
    assert reaches(lambda: told(webui, "paused"))
    assert given_back(webui)
    webui.bridge.trainings.go_on()
    working.join(60)
    assert [result.state for result in results] == ["finished"]
    assert steps == list(range(1, 2 * STEPS + 1))
