"""The webui's own captioners, through the host's interface."""

from __future__ import annotations

import sys

import pytest
from hosts.double import install
from PIL import Image

from train_tools.captioning.hosted import Hosted
from train_tools.captioning.interface import Picture
from train_tools.captioning.settings import CaptioningSettings
from train_tools.errors import UsageError
from train_tools.hosts.detect import current

PICTURE = Picture(Image.new("RGBA", (8, 8), (255, 0, 0, 255)), "a", "zorb")


def test_both_are_started_used_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    with Hosted("blip") as blip:
        assert blip.caption([PICTURE]) == ["a picture of (255, 0, 0)"]
        assert parts.interrogator.loaded
    with Hosted("deepbooru") as deepbooru:
        assert deepbooru.caption([PICTURE, PICTURE]) == ["1girl, solo"] * 2
    assert not parts.interrogator.loaded
    assert not parts.deepbooru.started


def test_offline_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, is_offline=True)
    with (
        pytest.raises(UsageError, match=r"can't load its deepbooru .* check its network"),
        Hosted("deepbooru"),
    ):
        pytest.fail("it isn't loaded")


def test_without_a_webui_they_are_refused() -> None:
    assert current() is None
    with pytest.raises(UsageError, match="this isn't a webui; take blip or wd"), Hosted("blip"):
        pytest.fail("there is none")


def test_a_webui_that_lacks_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.delattr(sys.modules["modules.deepbooru"], "model")
    host = current()
    assert host is not None
    assert list(host.captioners()) == ["blip"]
    with pytest.raises(UsageError, match="has no deepbooru"), Hosted("deepbooru"):
        pytest.fail("there is none")


def test_they_are_choices_like_others() -> None:
    chosen = CaptioningSettings.from_mapping({"captioner": "webui-deepbooru,webui-blip"})
    assert chosen.captioner == ("webui-deepbooru", "webui-blip")
