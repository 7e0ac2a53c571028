"""What a person has chosen in the webui, as previews and new versions ask for it; and a host that refuses or is gone.

Options with an `infotext` are those of AUTOMATIC1111 v1.10.1 (modules/shared_options.py, OptionInfo of
modules/options.py); `forge_additional_modules` is Forge dfdcbab6's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hosts.doubles import install

from train_tools.hosts.bridge_client import BridgeClient, find
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT, HostError, HostGoneError, ModelRefusedError
from train_tools.hosts.webui import Webui
from train_tools.planning.host_model import chosen_in_webui

OPTIONS = {
    "sd_vae": ("Automatic", "VAE"), "randn_source": ("GPU", "RNG"), "eta_noise_seed_delta": (0, "ENSD"),
    "emphasis": ("Original", "Emphasis"), "pad_cond_uncond": (False, "Pad conds"), "save_txt": (False, None),
    "CLIP_stop_at_last_layers": (1, "Clip skip"), "forge_unet_storage_dtype": ("Automatic", None),
}  # fmt: skip


def opened(root: Path) -> tuple[Bridge, BridgeClient]:
    bridge = Bridge(Webui(), root, lambda: WAIT)
    bridge.start()
    client = find(root)
    assert client is not None
    return bridge, client


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, {"vae": "Automatic", "modules": [], "rng": "GPU", "ensd": 0, "options": {}}),
        (
            {"sd_vae": "None", "randn_source": "CPU", "eta_noise_seed_delta": 31337, "emphasis": "No norm"},
            {"vae": "", "modules": [], "rng": "CPU", "ensd": 31337, "options": {"Emphasis": "No norm"}},
        ),
        ({"sd_vae": "x.pt", "save_txt": True, "CLIP_stop_at_last_layers": 2}, {"vae": "x.pt", "options": {}}),
        ({"forge_additional_modules": ["/m/VAE/ae.safetensors", "/m/text/t5.safetensors"]},
         {"vae": "", "modules": ["ae.safetensors", "t5.safetensors"]}),
        ({"forge_unet_storage_dtype": "bnb-nf4"}, {"options": {"Diffusion in Low Bits": "bnb-nf4"}}),
        ({"pad_cond_uncond": False}, {"options": {}}),
    ],
)  # fmt: skip
def test_what_decides_pictures_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Mapping[str, Any], told: Mapping[str, Any]
) -> None:
    double = install(monkeypatch, folder=tmp_path)
    # The webui's Options.data holds every option; what was never set is at its default.
    double.opts.data.update({name: default for name, (default, _) in OPTIONS.items()} | data)
    labels = {n: SimpleNamespace(default=value, infotext=label) for n, (value, label) in OPTIONS.items()}
    double.opts.data_labels = labels
    bridge, client = opened(tmp_path)
    try:
        found = client.picture_settings()
    finally:
        bridge.close()
    assert found["host"] == "AUTOMATIC1111 v1.10.1"
    assert {name: found[name] for name in told} == told


@pytest.mark.parametrize("chosen", ["a.safetensors", "b.ckpt"])
def test_new_versions_start_with_the_webuis_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: str
) -> None:
    double = install(monkeypatch, folder=tmp_path)
    double.opts.data["sd_model_checkpoint"] = chosen
    file = tmp_path / chosen
    bridge, client = opened(tmp_path)
    try:
        assert [model.file for model in client.base_models() if model.is_chosen] == [file]
        assert chosen_in_webui(tmp_path) == {}  # it isn't here, as in another container
        file.write_bytes(b"weights")
        assert chosen_in_webui(tmp_path) == {"pretrained_model_name_or_path": str(file)}
    finally:
        bridge.close()
    assert chosen_in_webui(tmp_path) == {}


def test_a_refusal_a_failure_and_a_host_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, folder=tmp_path)
    bridge, client = opened(tmp_path)

    def raising(error: Exception) -> None:
        def render(_self: Webui, _request: Mapping[str, Any]) -> bytes:
            raise error

        monkeypatch.setattr(Webui, "render", render)

    raising(ModelRefusedError("the webui couldn't load x"))
    with pytest.raises(ModelRefusedError, match="the webui couldn't load x"):
        client.render({})
    raising(HostError("the LoRA doesn't fit"))
    with pytest.raises(HostError, match="the LoRA doesn't fit") as told:
        client.render({})
    assert not isinstance(told.value, (ModelRefusedError, HostGoneError))
    bridge.token = "another host's, on the same port"
    with pytest.raises(HostGoneError, match="was restarted"):
        client.render({})
    bridge.close()
    with pytest.raises(HostGoneError, match="is the webui still running"):
        client.render({})
