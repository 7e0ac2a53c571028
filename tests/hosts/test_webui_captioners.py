"""The captioners that webuis have anyway: what they download, and that one failure isn't for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import HOSTS, install
from PIL import Image

from train_tools.hosts.interface import HostError
from train_tools.hosts.webui import Webui

WITH = ("a1111", "forge", "reforge")
PICTURE = Image.new("RGB", (8, 8))


@pytest.fixture(params=WITH)
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return install(monkeypatch, request.param, folder=tmp_path)


def put(file: Path, content: bytes = b"x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("host", sorted(set(HOSTS) - set(WITH)))
def test_a_webui_without_any_says_so(host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, host, folder=tmp_path)
    found = Webui()
    assert found.captioners() == {}
    assert found.capabilities()["captioners"] is not None


def test_what_is_downloaded_is_said_before(webui: Any, tmp_path: Path) -> None:
    found = Webui().captioners()
    assert found["deepbooru"].download == "deepbooru's model (model-resnet_custom_v3.pt, 645 MB)"
    assert found["blip"].download == (
        "BLIP (model_base_caption_capfilt_large.pth, 896 MB), CLIP (ViT-L-14.pt, 933 MB)"
    )
    put(webui.models / "torch_deepdanbooru" / "mine.pt")
    put(webui.models / "BLIP" / "x" / "model.pth")
    assert found["deepbooru"].download == ""
    assert found["blip"].download == "CLIP (ViT-L-14.pt, 933 MB)"
    put(tmp_path / ".cache" / "clip" / "ViT-L-14.pt")
    assert found["blip"].download == ""


def test_offline_deepbooru_says_where_its_file_belongs_and_works_once_it_is_there(webui: Any) -> None:
    webui.deepbooru.is_offline = True
    captioner = Webui().captioners()["deepbooru"]
    folder = webui.models / "torch_deepdanbooru"
    with pytest.raises(HostError) as told:
        captioner.start()
    assert str(told.value) == (
        "the webui couldn't download deepbooru's model; check its network, or put model-resnet_custom_v3.pt into "
        f"{folder}, or take another captioner"
    )
    put(folder / "model-resnet_custom_v3.pt")
    captioner.start()
    assert captioner.caption(PICTURE) == "1girl, solo"
    captioner.stop()


def test_a_model_that_was_made_half_is_made_anew(webui: Any) -> None:
    """The webui would take it for whole until it restarts, and caption with noise."""
    broken = put(webui.models / "torch_deepdanbooru" / "model.pt", b"")
    captioner = Webui().captioners()["deepbooru"]
    with pytest.raises(HostError, match=r"couldn't load its deepbooru \(RuntimeError: Pytorch"):
        captioner.start()
    captioner.stop()  # as the bridge does it
    broken.unlink()
    put(broken)
    captioner.start()
    assert captioner.caption(PICTURE) == "1girl, solo"


def test_blip_is_made_anew_too(webui: Any, tmp_path: Path) -> None:
    put(webui.models / "BLIP" / "model.pth")
    put(tmp_path / ".cache" / "clip" / "ViT-L-14.pt")
    webui.interrogator.fails = OSError("Can't load tokenizer for 'bert-base-uncased'\nand more")
    captioner = Webui().captioners()["blip"]
    with pytest.raises(
        HostError, match=r"its BLIP \(OSError: Can't load tokenizer for 'bert-base-uncased'\);"
    ):
        captioner.start()
    assert webui.interrogator.blip_model is None
    webui.interrogator.fails = None
    captioner.start()
    assert captioner.caption(PICTURE).startswith("a picture of")
    assert not webui.lock.locked()
