"""The webui's side of the interface, against the double."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hosts.doubles import FakeInitialModel, install

from train_tools.hosts.detect import host_of
from train_tools.hosts.interface import CAPABILITIES, KEEP, SHARE, WAIT, HostError
from train_tools.hosts.standalone import Standalone
from train_tools.hosts.webui import Webui


def test_it_can_do_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, folder=tmp_path)
    host = host_of(tmp_path)
    assert isinstance(host, Webui)
    assert host.capabilities() == dict.fromkeys(CAPABILITIES)
    assert (host.name, host.version) == ("AUTOMATIC1111", "v1.10.1")
    assert host.folders().lora == tmp_path / "models" / "Lora"
    first, second = host.base_models()
    assert (first.file, first.kind) == (tmp_path / "a.safetensors", "sd1")
    assert first.title.startswith("a.safetensors [")
    assert (second.file, second.kind) == (tmp_path / "b.ckpt", "")
    assert [model.is_chosen for model in (first, second)] == [True, False]
    assert host.samplers() == ["DPM++ 2M", "Euler a", "DDIM"]
    assert host.schedulers() == ["Automatic", "Karras"]


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        ("modules.sd_schedulers", "schedulers", "schedulers"),
        ("modules.sd_samplers", "visible_sampler_names all_samplers", "samplers"),
        ("modules.sd_models", "send_model_to_trash", "memory"),
        ("modules.processing", "process_images", "render"),
        ("networks", "list_available_networks", "rescan"),
        ("modules.shared", "state", "progress"),
        ("modules.shared", "cmd_opts", "publish"),
    ],
)
def test_what_is_missing_is_switched_off_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, what: str
) -> None:
    install(monkeypatch)
    for one in name.split():
        monkeypatch.delattr(sys.modules[module], one)
    capabilities = Webui().capabilities()
    assert [key for key, reason in capabilities.items() if reason] == [what]
    assert "webui" in str(capabilities[what])


def test_progress_and_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    parts.state.job, parts.state.sampling_step, parts.state.sampling_steps = "task(1)", 3, 20
    host = Webui()
    assert (host.progress().job, host.progress().step, host.progress().steps) == ("task(1)", 3, 20)
    host.interrupt()
    assert host.progress().is_interrupted


def test_rescan_needs_the_lora_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    Webui().rescan_loras()
    assert parts.rescans == ["all"]
    monkeypatch.delitem(sys.modules, "networks")
    with pytest.raises(HostError, match="Lora extension is off"):
        Webui().rescan_loras()


@pytest.mark.parametrize(
    ("closed", "share", "insecure", "expected"),
    [
        (False, False, False, False),
        (True, False, False, True),
        (False, True, False, True),
        (False, True, True, False),
    ],
)
def test_exposed(
    monkeypatch: pytest.MonkeyPatch, closed: bool, share: bool, insecure: bool, expected: bool
) -> None:
    parts = install(monkeypatch)
    parts.cmd_opts.disable_extension_access = closed
    parts.cmd_opts.enable_insecure_extension_access = insecure
    sys.modules["modules.shared"].demo.share = share
    assert Webui().is_exposed() is expected
    del parts.cmd_opts.disable_extension_access
    assert Webui().is_exposed(), "a webui that doesn't say counts as exposed"


def test_a1111_waits_with_its_model_in_ram(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    model = parts.data.sd_model
    with Webui().memory_lent(WAIT):
        assert model.place == "cpu"
        assert parts.lock.locked()
    assert (model.place, parts.lock.locked(), parts.data.sd_model) == ("gpu", False, model)


def test_a1111_shares_with_its_model_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    model = parts.data.sd_model
    with Webui().memory_lent(SHARE):
        assert not parts.lock.locked()
        # What `process_images` looks at to load it again.
        assert (model.place, parts.data.sd_model, parts.data.loaded_sd_models) == ("meta", None, [])
        assert sys.modules["modules.sd_models"].checkpoints_loaded == {}


def test_the_model_comes_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    with pytest.raises(RuntimeError), Webui().memory_lent(WAIT):
        raise RuntimeError
    assert parts.data.sd_model.place == "gpu"
    assert not parts.lock.locked()


def test_forge_frees_by_its_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch, "forge")
    assert Webui().name == "Forge"
    with Webui().memory_lent(WAIT):
        assert parts.freed == ["models", "cache"]
        assert parts.lock.locked()
    assert parts.data.forge_hash
    with Webui().memory_lent(SHARE):
        assert not parts.lock.locked()
        assert isinstance(parts.data.sd_model, FakeInitialModel)
        assert parts.data.forge_hash == ""


def test_keep_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = install(monkeypatch)
    parts.lock.acquire()
    with Webui().memory_lent(KEEP):
        assert parts.data.sd_model.place == "gpu"


def test_alone(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "Stable-diffusion" / "sdxl"
    folder.mkdir(parents=True)
    for name in ("x.safetensors", "y.ckpt", "z.vae.pt", "read.txt"):
        (folder / name).write_bytes(b"")
    host = host_of(tmp_path)
    assert isinstance(host, Standalone)
    assert [model.title for model in host.base_models()] == ["sdxl/x.safetensors", "sdxl/y.ckpt"]
    assert [what for what, reason in host.capabilities().items() if reason is None] == [
        "base models",
        "publish",
    ]
    with pytest.raises(HostError, match="take the packed renderer"):
        host.render({})
