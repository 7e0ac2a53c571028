"""The webui's own captioners, through the host's interface."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hosts.doubles import install
from PIL import Image

from train_tools.captioning.hosted import Hosted
from train_tools.captioning.interface import Picture
from train_tools.captioning.settings import CaptioningSettings
from train_tools.errors import UsageError
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.detect import host_of
from train_tools.hosts.interface import WAIT
from train_tools.hosts.webui import Webui

PICTURE = Picture(Image.new("RGBA", (8, 8), (255, 0, 0, 255)), "a", "zorb")


def test_both_are_started_used_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    with Hosted("blip", Path()) as blip:
        assert blip.caption([PICTURE]) == ["a picture of (255, 0, 0)"]
        assert parts.interrogator.loaded
    with Hosted("deepbooru", Path()) as deepbooru:
        assert deepbooru.caption([PICTURE, PICTURE]) == ["1girl, solo"] * 2
    assert not parts.interrogator.loaded
    assert not parts.deepbooru.started


def test_offline_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, is_offline=True)
    with (
        pytest.raises(
            UsageError, match=r"couldn't download deepbooru's model; check its network, or put model-resnet"
        ),
        Hosted("deepbooru", Path()),
    ):
        pytest.fail("it isn't loaded")


def test_without_a_webui_they_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="runs without a webui here; take blip or wd"),
        Hosted("blip", tmp_path),
    ):
        pytest.fail("there is none")


def test_through_the_bridge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the worker does it: its own process holds no webui."""
    parts = install(monkeypatch, is_offline=True)
    bridge = Bridge(Webui(), tmp_path, lambda: WAIT)
    bridge.start()
    monkeypatch.setattr("train_tools.hosts.modules.is_here", lambda: False)
    try:
        with Hosted("blip", tmp_path) as blip:
            assert blip.caption([PICTURE, PICTURE]) == ["a picture of (255, 0, 0)"] * 2
        with pytest.raises(UsageError, match="check its network"), Hosted("deepbooru", tmp_path):
            pytest.fail("it isn't loaded")
        assert not parts.lock.locked()
    finally:
        bridge.close()


def test_a_webui_that_lacks_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.delattr(sys.modules["modules.deepbooru"], "model")
    host = host_of(Path())
    assert list(host.captioners()) == ["blip"]
    with pytest.raises(UsageError, match="has no deepbooru"), Hosted("deepbooru", Path()):
        pytest.fail("there is none")


@pytest.mark.parametrize("host", ["neo", "classic"])
def test_a_webui_without_captioners_says_so_and_offers_ours(
    monkeypatch: pytest.MonkeyPatch, host: str, tmp_path: Path
) -> None:
    install(monkeypatch, host, folder=tmp_path)
    with (
        pytest.raises(UsageError, match=r"this webui has neither BLIP nor deepbooru; take blip or wd"),
        Hosted("deepbooru", Path()),
    ):
        pytest.fail("there is none")


def test_they_are_choices_like_others() -> None:
    chosen = CaptioningSettings.from_mapping({"captioner": "webui-deepbooru,webui-blip"})
    assert chosen.captioner == ("webui-deepbooru", "webui-blip")
