"""Which captioners can be used is known before one is started."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from train_tools.captioning import availability as module
from train_tools.captioning.availability import (
    DOWNLOADS,
    NO_MODEL,
    NO_PACKAGE,
    NO_TEXT,
    NO_WEBUI,
    READY,
    availability,
)
from train_tools.captioning.registry import CAPTIONERS
from train_tools.captioning.settings import CaptioningSettings


def states(settings: CaptioningSettings, **hosted: str) -> dict[str, str]:
    return {one.name: one.state for one in availability(settings, hosted)}


def test_without_a_webui_and_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_downloaded", lambda _model, _files: False)
    found = states(CaptioningSettings())
    assert list(found) == list(CAPTIONERS)
    assert found == {
        "blip": READY, "wd": DOWNLOADS, "webui-blip": NO_WEBUI, "webui-deepbooru": NO_WEBUI, "filename": READY,
        "shapes": READY, "text": NO_TEXT, "openai": READY,
    }  # fmt: skip


def test_what_the_webui_offers() -> None:
    found = states(CaptioningSettings(text="a cat"), blip="")
    assert (found["webui-blip"], found["webui-deepbooru"], found["text"]) == (READY, NO_WEBUI, READY)


def test_what_the_webui_downloads_is_said_before() -> None:
    what = "deepbooru's model (model-resnet_custom_v3.pt, 645 MB)"
    found = {one.name: one for one in availability(CaptioningSettings(), {"deepbooru": what})}
    deepbooru = found["webui-deepbooru"]
    assert (deepbooru.state, deepbooru.detail, deepbooru.is_usable) == (DOWNLOADS, what, True)


def test_models_by_folder(tmp_path: Path) -> None:
    def wd(model: str) -> str:
        return states(CaptioningSettings(wd_model=model))["wd"]

    assert wd(str(tmp_path)) == NO_MODEL
    for name in ("model.onnx", "selected_tags.csv"):
        (tmp_path / name).touch()
    assert wd(str(tmp_path)) == READY
    assert wd(str(tmp_path / "none" / "deeper")) == NO_MODEL


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    (wd,) = [one for one in availability(CaptioningSettings()) if one.name == "wd"]
    assert (wd.state, wd.detail, wd.is_usable) == (NO_PACKAGE, "onnxruntime", False)
