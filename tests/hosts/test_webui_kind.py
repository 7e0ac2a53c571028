"""Which webui this is, told by what each has; read off the same trees as memory_doubles.py."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hosts.doubles import install

from train_tools.hosts import door_settings
from train_tools.hosts.bridge_client import find
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT, Folders
from train_tools.hosts.webui import Webui


def has(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, module)


def version(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """modules_forge/forge_version.py"""
    has(monkeypatch, "modules_forge", __path__=[])
    has(monkeypatch, "modules_forge.forge_version", **names)


def test_automatic1111(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert (Webui().name, Webui().version) == ("AUTOMATIC1111", "v1.10.1")


def test_forge(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "forge")
    version(monkeypatch, version="2.0.1v1.10.1")
    assert (Webui().name, Webui().version) == ("Forge", "2.0.1v1.10.1")


def test_neo_which_calls_itself_forge(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "neo")
    version(monkeypatch, version="neo", release="2.26")
    assert (Webui().name, Webui().version) == ("Forge Neo", "2.26")


@pytest.mark.parametrize(("host", "expected"), [("reforge", "reForge"), ("classic", "Forge Classic")])
def test_reforge_and_classic(monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    install(monkeypatch, host)
    version(monkeypatch, version="1.0.0v2-v1.10.1RC")
    assert (Webui().name, Webui().version) == (expected, "1.0.0v2-v1.10.1RC")


def test_sd_next_says_what_it_isnt_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "sdnext")
    sys.modules["modules.shared"].cmd_opts.lora_dir = None
    host = Webui()
    assert host.name == "SD.Next"
    capabilities = host.capabilities()
    assert capabilities["render"] == "pictures through SD.Next aren't supported; they are drawn without it"
    assert "refresh its list there" in str(capabilities["rescan"])
    assert "doesn't let extensions free its memory" in str(capabilities["memory"])
    assert capabilities["base models"] is None
    assert host.folders().loras == ()


def test_neos_folders_and_model_files_reach_the_other_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    double = install(monkeypatch, "neo", folder=tmp_path)
    has(monkeypatch, "modules.paths_internal", default_output_dir=str(tmp_path / "output"))
    double.cmd_opts.lora_dirs = [str(tmp_path / "far" / "loras")]
    files = {"ae.safetensors": str(tmp_path / "models" / "VAE" / "ae.safetensors")}
    version(monkeypatch, release="2.26")
    has(monkeypatch, "modules_forge.main_entry", module_list=files)
    has(monkeypatch, "modules.sd_vae", vae_dict={"ae": files["ae.safetensors"]})
    bridge = Bridge(Webui(), tmp_path, lambda: WAIT)
    bridge.start()
    client = find(tmp_path)
    assert client is not None
    assert client.folders() == Webui().folders()
    assert client.folders().outputs == tmp_path / "output"
    assert client.folders().loras == (tmp_path / "models" / "Lora", tmp_path / "far" / "loras")
    assert client.model_files() == [tmp_path / "models" / "VAE" / "ae.safetensors"]
    bridge.close()


def test_projects_lie_where_the_webui_keeps_its_pictures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, folder=tmp_path)
    neo = Folders(tmp_path, outputs=tmp_path / "output")
    assert door_settings.root(neo) == tmp_path / "output"
    (tmp_path / "outputs" / "train_tools").mkdir(parents=True)
    assert door_settings.root(neo) == tmp_path / "outputs", "what was begun before stays"
