"""The bridge: a host in this process, asked over its socket."""

from __future__ import annotations

import http.client
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import install
from PIL import Image

from train_tools.hosts import bridge_file
from train_tools.hosts.bridge_client import BridgeClient, find
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT, HostError
from train_tools.hosts.webui import Webui


class Parts:
    def __init__(self, bridge: Bridge, client: BridgeClient, double: Any, root: Path) -> None:
        self.bridge, self.client, self.double, self.root = bridge, client, double, root


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Parts]:
    double = install(monkeypatch, folder=tmp_path / "webui")
    bridge = Bridge(Webui(), tmp_path, lambda: WAIT)
    bridge.start()
    client = find(tmp_path)
    assert client is not None
    yield Parts(bridge, client, double, tmp_path)
    bridge.close()


def place_of(root: Path) -> Path:
    """Where the address lies in these tests."""
    (file,) = bridge_file.files(root)
    return file


def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_the_client_says_what_the_host_says(parts: Parts) -> None:
    host, client = Webui(), parts.client
    for what in ("name", "version"):
        assert getattr(client, what) == getattr(host, what)
    for what in (
        "capabilities",
        "folders",
        "is_exposed",
        "base_models",
        "samplers",
        "schedulers",
        "progress",
    ):
        assert getattr(client, what)() == getattr(host, what)(), what


def test_the_file_is_its_owners_alone(parts: Parts) -> None:
    file = place_of(parts.root)
    assert parts.root not in file.parents, "a webui serves what lies there"
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["pid"] == os.getpid()


def test_without_the_token_nothing_is_answered(parts: Parts) -> None:
    port = json.loads(place_of(parts.root).read_text())["port"]
    for token in ("", "wrong"):
        for method, path in (
            ("GET", "/hello"),
            ("POST", "/render"),
            ("POST", "/hold/memory"),
            ("GET", "/nothing"),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(method, path, headers={bridge_file.TOKEN_HEADER: token})
            response = connection.getresponse()
            assert response.status == 403
            assert b"token" in response.read()
            connection.close()


def test_a_host_that_ended_isnt_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch)
    bridge = Bridge(Webui(), tmp_path, lambda: WAIT)
    bridge.start()
    text = place_of(tmp_path).read_text()
    bridge.close()
    assert not place_of(tmp_path).exists()
    place_of(tmp_path).write_text(text)  # as after kill -9
    assert find(tmp_path) is None
    place_of(tmp_path).write_text("{")
    assert find(tmp_path) is None


def test_closing_leaves_another_hosts_file(parts: Parts) -> None:
    other = Bridge(Webui(), parts.root, lambda: WAIT)
    other.start()
    parts.bridge.close()
    client = find(parts.root)
    assert client is not None
    other.close()


def test_memory_is_lent_until_the_last_gives_it_back(parts: Parts) -> None:
    model = parts.double.data.sd_model
    with parts.client.memory_lent():
        assert (model.place, parts.double.lock.locked()) == ("cpu", True)
        with parts.client.memory_lent():
            until(lambda: parts.bridge.memory.holders == 2)
        until(lambda: parts.bridge.memory.holders == 1)
        assert model.place == "cpu"
    until(lambda: not parts.double.lock.locked())
    assert model.place == "gpu"


def test_memory_waits_for_the_picture_that_is_being_made(parts: Parts) -> None:
    parts.double.lock.acquire()
    entered = threading.Event()

    def train() -> None:
        with parts.client.memory_lent():
            entered.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert not entered.wait(0.3)
    assert parts.double.data.sd_model.place == "gpu"
    parts.double.lock.release()
    assert entered.wait(5)
    thread.join()


def test_a_worker_that_was_killed_leaves_nothing_behind(parts: Parts) -> None:
    address = bridge_file.read(parts.root)
    assert address is not None
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=5)
    connection.request("POST", "/hold/memory", headers={bridge_file.TOKEN_HEADER: address.token})
    response = connection.getresponse()
    until(parts.double.lock.locked)
    response.close()
    connection.close()  # the system does this for a killed process
    until(lambda: not parts.double.lock.locked())
    assert parts.double.data.sd_model.place == "gpu"


def test_captions(parts: Parts) -> None:
    captioner = parts.client.captioners()["blip"]
    captioner.start()
    picture = Image.new("RGB", (4, 4), (1, 2, 3))
    assert [captioner.caption(picture) for _ in range(3)] == ["a picture of (1, 2, 3)"] * 3
    assert parts.double.interrogator.loads == 1, "it stays loaded between"
    captioner.stop()
    until(lambda: not parts.double.interrogator.loaded)
    with pytest.raises(HostError, match="has no clip"):
        parts.client.caption("clip", b"")


def test_what_the_host_raises_is_a_sentence(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA error: device lost\nmore")

    monkeypatch.setattr(sys.modules["networks"], "list_available_networks", broken)
    with pytest.raises(HostError, match=r"^AUTOMATIC1111 failed: CUDA error: device lost$"):
        parts.client.rescan_loras()
    parts.bridge.close()
    with pytest.raises(HostError, match="is the webui still running"):
        parts.client.samplers()


def test_interrupt(parts: Parts) -> None:
    parts.client.interrupt()
    assert parts.client.progress().is_interrupted
