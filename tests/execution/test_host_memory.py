"""A training asks the webui that runs for its root to free the GPU, and needs nothing of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from execution.conftest import Bench
from execution.fake_engine import settings
from hosts.doubles import install

from train_tools.execution.train import train
from train_tools.hosts import bridge_client
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT
from train_tools.hosts.webui import Webui
from train_tools.planning.plan import make_plan


@pytest.fixture
def webui(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Any:
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
    monkeypatch.setattr(bridge_client, "MEMORY_S", 0.3)
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
