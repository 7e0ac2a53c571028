"""Rendering inside a webui: what was asked for, or an error; and the webui as it was before."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hosts.render_double import Webui, install
from PIL import Image
from safetensors.numpy import save_file

from train_tools.hosts.interface import HostError
from train_tools.hosts.webui_render import render

MODULES = ("lora_te_text_model_encoder_layers_0_mlp_fc1", "lora_unet_mid_block_attentions_0_proj_in")


def write_lora(path: Path, value: float) -> Path:
    tensors = {}
    for module in MODULES:
        tensors[f"{module}.lora_down.weight"] = np.full((2, 4), value, np.float32)
        tensors[f"{module}.lora_up.weight"] = np.full((4, 2), value, np.float32)
    save_file(tensors, path)
    return path


@pytest.fixture(params=["a1111", "forge"])
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    return install(monkeypatch, tmp_path / "models", forge=request.param == "forge")


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    return write_lora(tmp_path / "zorb-000002.safetensors", 1)


def asked(webui: Webui, file: Path | None, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "base_model": str(webui.folder / "Stable-diffusion" / "own.safetensors"),
        "lora": str(file) if file else None, "weight_unet": 1.0, "weight_te": 1.0, "prompt": "a zorb",
        "negative_prompt": "", "seed": 1, "steps": 2, "cfg_scale": 5.0, "sampler": "Euler a", "scheduler": "Automatic",
        "clip_skip": 1, "width": 64, "height": 96,
    }  # fmt: skip
    return {**plain, **changes}


def colour(png: bytes) -> Any:
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (64, 96)
        return image.convert("RGB").getpixel((0, 0))


def assert_as_before(webui: Webui) -> None:
    assert webui.data == {
        "sd_model_checkpoint": "own.safetensors", "CLIP_stop_at_last_layers": 2, "sd_lora": "None"
    }  # fmt: skip
    networks = webui.modules.networks
    for known in (networks.available_networks, networks.available_network_aliases):
        assert not [name for name in known if "train-tools" in name]
    assert not [path for path in webui.lora_folder.rglob("*") if "train-tools" in path.name]
    assert webui.modules.state.job == ""


def test_a_picture_with_its_infotext(webui: Webui, lora: Path) -> None:
    png = render(asked(webui, lora, weight_unet=0.5, scheduler="Karras"))
    with Image.open(io.BytesIO(png)) as image:
        text = image.text["parameters"]  # type: ignore[attr-defined]
    assert text.startswith("a zorb <lora:train-tools-")
    assert ":1.0:0.5>" in text.split("\n")[0]
    assert "Schedule type: Karras" in text
    assert_as_before(webui)


def test_everything_that_is_asked_for_counts(webui: Webui, lora: Path) -> None:
    webui.add_model("other.safetensors")
    other = str(webui.folder / "Stable-diffusion" / "other.safetensors")
    changes: list[dict[str, Any]] = [
        {}, {"lora": None}, {"weight_unet": 0.5}, {"weight_te": 0.5}, {"prompt": "b"}, {"negative_prompt": "c"},
        {"seed": 2}, {"steps": 3}, {"cfg_scale": 6.0}, {"sampler": "DDIM"}, {"scheduler": "Karras"}, {"clip_skip": 2},
        {"base_model": other},
    ]  # fmt: skip
    colours = [colour(render(asked(webui, lora, **change))) for change in changes]
    assert len(set(colours)) == len(colours)
    assert [colour(render(asked(webui, lora, **change))) for change in changes] == colours
    assert_as_before(webui)


def test_a_file_that_was_overwritten_is_another_lora(webui: Webui, lora: Path) -> None:
    """The webui would show the old one again: its layers know the name."""
    first = colour(render(asked(webui, lora)))
    os.utime(write_lora(lora, 2), ns=(1, 1))
    second = colour(render(asked(webui, lora)))
    assert first != second
    assert second != colour(render(asked(webui, None)))


def test_two_files_of_one_name_are_two_loras(webui: Webui, tmp_path: Path, lora: Path) -> None:
    """As the runs of sd-webui-train-tools have them."""
    (tmp_path / "b").mkdir()
    write_lora(webui.lora_folder / lora.name, 5)
    same_name = write_lora(tmp_path / "b" / lora.name, 3)
    assert colour(render(asked(webui, lora))) != colour(render(asked(webui, same_name)))


def test_other_loras_are_left_out(webui: Webui, lora: Path) -> None:
    write_lora(webui.lora_folder / "mine.safetensors", 4)
    plain = colour(render(asked(webui, lora)))
    assert colour(render(asked(webui, lora, prompt="<lora:mine:1:1>a zorb"))) == plain
    webui.data["sd_lora"] = "mine"  # "Add network to prompt" of the webui's settings
    assert colour(render(asked(webui, lora))) == plain
    assert webui.data["sd_lora"] == "mine"


def test_the_users_lists_of_loras_are_as_before(webui: Webui, lora: Path) -> None:
    """Even where the user has the very same file published."""
    networks = webui.modules.networks
    (webui.lora_folder / "published.safetensors").write_bytes(lora.read_bytes())
    networks.list_available_networks()
    names = ("available_networks", "available_network_aliases", "available_network_hash_lookup")
    before = {name: dict(getattr(networks, name)) for name in names}
    render(asked(webui, lora))
    assert {name: dict(getattr(networks, name)) for name in names} == before


def test_the_model_is_loaded_and_put_back_after_the_last(webui: Webui, lora: Path) -> None:
    other = webui.add_model("other.safetensors")  # new since the webui looked
    render(asked(webui, lora, base_model=str(other)))
    render(asked(webui, lora, base_model=str(other), seed=2))
    assert webui.loads == ["own.safetensors", "other.safetensors"]
    render(asked(webui, lora, base_model=str(other), seed=3, last=True))
    if webui.forge:
        assert webui.loaded == "other.safetensors"  # its next picture loads what the settings name
        render(asked(webui, None))
    assert webui.loaded == "own.safetensors"
    assert len(webui.loads) == 3
    assert_as_before(webui)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_model": "/gone/other.safetensors"}, "doesn't have the base model /gone/other.safetensors"),
        ({"sampler": "Restart"}, "no sampler 'Restart'; there are: DPM"),
        ({"scheduler": "Beta"}, "no scheduler 'Beta'; there are: Automatic, Karras"),
        ({"lora": "/gone.safetensors"}, "can't be read"),
        ({"colour": "red"}, "has no colour"),
    ],
)
def test_what_isnt_there_is_told(webui: Webui, lora: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(HostError, match=words):
        render(asked(webui, lora, **changes))
    assert webui.pictures == 0
    assert_as_before(webui)


def test_a_request_that_lacks_something(webui: Webui) -> None:
    with pytest.raises(HostError, match="lacks something"):
        render({"prompt": "a"})


def test_a_damaged_file_is_told(webui: Webui, lora: Path) -> None:
    lora.write_bytes(lora.read_bytes()[:100])
    with pytest.raises(HostError, match="can't be read"):
        render(asked(webui, lora))
    assert webui.pictures == 0


def test_a_lora_that_the_webui_forgot_is_an_error(webui: Webui, lora: Path) -> None:
    webui.forgets_lora = True
    with pytest.raises(HostError, match=r"applied no LoRA|Lora not found"):
        render(asked(webui, lora))
    webui.forgets_lora = False
    good = colour(render(asked(webui, lora)))
    assert good != colour(render(asked(webui, None)))
    assert_as_before(webui)


@pytest.mark.parametrize("fit", [0.0, 0.5])
def test_a_lora_that_doesnt_fit_is_an_error(webui: Webui, lora: Path, fit: float) -> None:
    webui.fit = fit
    with pytest.raises(HostError, match="fit this base model; was it trained on it"):
        render(asked(webui, lora))
    webui.fit = 1.0
    render(asked(webui, lora))


def test_wrong_shapes_are_an_error_and_not_taken_for_applied_the_next_time(webui: Webui, lora: Path) -> None:
    webui.says_errors = True
    with pytest.raises(HostError, match=r"Networks with errors: train-tools-\w+ \(136\)"):
        render(asked(webui, lora))
    webui.says_errors = False
    names = {key[0] for key in webui.layers}
    render(asked(webui, lora))
    assert len({key[0] for key in webui.layers} - names) == 1  # under a name of its own again


def test_an_interrupt_is_an_error(webui: Webui, lora: Path) -> None:
    webui.interrupts = True
    with pytest.raises(HostError, match="interrupted in the webui"):
        render(asked(webui, lora))
    assert_as_before(webui)


def test_a_webui_that_fails_says_why_and_is_as_before(webui: Webui, lora: Path) -> None:
    webui.fails = RuntimeError("NansException\nin a tensor")
    with pytest.raises(HostError, match=r"couldn't render: RuntimeError: NansException$"):
        render(asked(webui, lora, last=True))
    assert_as_before(webui)


def test_a_webui_without_schedulers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lora: Path) -> None:
    old = install(monkeypatch, tmp_path / "models", old=True)
    render(asked(old, lora, sampler="DPM++ 2M", scheduler="Karras"))
    with pytest.raises(HostError, match="no sampler 'Euler a Karras'"):
        render(asked(old, lora, scheduler="Karras"))


def test_outside_of_a_webui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostError, match="isn't a webui"):
        render(asked(Webui(tmp_path), None))
