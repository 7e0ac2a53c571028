"""The doctor's checks on machines and installations as they are and as they could be."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from train_tools.doctor import machine_checks, program_checks
from train_tools.doctor.finding import FAIL, OK, WARN
from train_tools.doctor.service import examine
from train_tools.environment import gpus
from train_tools.environment.host_record import HostRecord
from train_tools.environment.machine import Machine
from train_tools.environment.program import ProgramSettings
from train_tools.environment.status import ABSENT, BROKEN, MAKING, READY, EnvironmentStatus
from train_tools.small_models import base_model_file
from train_tools.workspace import toml


@pytest.mark.parametrize(
    ("version", "bits", "state"),
    [((3, 10), 64, OK), ((3, 13), 64, OK), ((3, 9), 64, FAIL), ((3, 11), 32, FAIL), ((3, 15), 64, WARN)],
)
def test_python(version: tuple[int, int], bits: int, state: str) -> None:
    found = machine_checks.python(version, bits)
    assert found.state == state
    assert bool(found.fix) == (state != OK)


@pytest.mark.parametrize(("free", "state"), [(1, FAIL), (5, WARN), (50, OK)])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=free * 2**30))
    found = machine_checks.disk("root", tmp_path / "not" / "there")
    assert (found.id, found.state) == ("disk-root", state)
    assert str(tmp_path) in found.text


def test_a_folder_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_checks.permissions("root", tmp_path).state == OK
    assert machine_checks.permissions("root", tmp_path / "none").state == OK
    assert list(tmp_path.iterdir()) == []

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    found = machine_checks.permissions("root", tmp_path)
    assert (found.state, "--root" in found.fix) == (FAIL, True)


def test_ports() -> None:
    assert machine_checks.loopback().state == OK
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert machine_checks.port(number).state == FAIL
    assert machine_checks.port(number).state == OK


@pytest.mark.parametrize(
    ("dlls", "long_paths", "code_page", "states"),
    [
        (("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll"), 1, 936, [OK, OK, OK]),
        (("vcruntime140.dll",), 0, 936, [FAIL, WARN, OK]),
        ((), None, 65001, [FAIL, WARN, WARN]),
    ],
)
def test_windows(
    tmp_path: Path, dlls: tuple[str, ...], long_paths: int | None, code_page: int, states: list[str]
) -> None:
    for name in dlls:
        (tmp_path / name).touch()
    found = machine_checks.windows(tmp_path, long_paths, code_page)
    assert [finding.id for finding in found] == ["vc-runtime", "long-paths", "utf8-mode"]
    assert [finding.state for finding in found] == states
    if os.name != "nt":
        assert machine_checks.this_windows() == []


@pytest.mark.parametrize(
    ("machine", "cuda", "state", "says"),
    [
        (Machine("linux", "", nvidia=False), "13.0", WARN, "no NVIDIA"),
        (Machine("darwin", "", nvidia=False), "", OK, "no NVIDIA"),
        (Machine("linux", "", nvidia=True, cuda=(13, 0)), "13.0", OK, "13.0"),
        (Machine("linux", "", nvidia=True, cuda=(12, 4)), "13.0", FAIL, "update the driver"),
        (Machine("linux", "", nvidia=True, cuda=(12, 4)), "12.6", WARN, "mostly works"),
        (Machine("linux", "", nvidia=True, cuda=(13, 0), capability=(6, 1)), "13.0", FAIL, "cu126"),
        (Machine("linux", "", nvidia=True), "13.0", WARN, "nvidia-smi"),
        (Machine("win32", "", nvidia=True, cuda=(12, 4)), "", OK, "12.4"),
    ],
)  # fmt: skip
def test_the_driver_against_torch(machine: Machine, cuda: str, state: str, says: str) -> None:
    found = program_checks.driver(machine, cuda)
    assert found.state == state
    assert says in found.text + found.fix


def test_a_chosen_gpu_that_was_taken_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "present", lambda: [("0", "GPU-a", "RTX 3060")])
    assert program_checks.gpus_chosen(ProgramSettings()).state == OK
    assert program_checks.gpus_chosen(ProgramSettings(gpus="0")).state == OK
    found = program_checks.gpus_chosen(ProgramSettings(gpus="0,1"))
    assert (found.state, found.text) == (FAIL, "there is no GPU 1 here; there are: 0 (RTX 3060)")
    assert "gpus=auto" in found.fix


def package(folder: Path, name: str, version: str, *lines: str) -> None:
    info = folder / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
    (info / "METADATA").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("needs", "state"),
    [("Requires-Dist: torch==2.13.0", OK), ("Requires-Dist: torch (==2.4.0)", FAIL), ("", OK)],
)
def test_xformers_against_torch(tmp_path: Path, needs: str, state: str) -> None:
    assert program_checks.xformers(tmp_path).state == OK
    package(tmp_path, "torch", "2.13.0+cu130")
    package(tmp_path, "xformers", "0.0.40", needs)
    assert program_checks.xformers(tmp_path).state == state


def test_the_cuda_of_an_environments_torch(tmp_path: Path) -> None:
    assert program_checks.torch_cuda(tmp_path) == ""
    package(tmp_path, "torch", "2.13.0")
    file = tmp_path / "lib" / "python3.11" / "site-packages" / "torch" / "version.py"
    file.parent.mkdir()
    for text, cuda in [
        ("cuda: Optional[str] = '13.0'\nhip = None\n", "13.0"),
        ("cuda = '12.1'\n", "12.1"),
        ("cuda = None\n", ""),
    ]:
        file.write_text(f"__version__ = '2.13.0'\n{text}", encoding="utf-8")
        assert program_checks.torch_cuda(tmp_path) == cuda


@pytest.mark.parametrize(("state", "expected"), [(READY, OK), (ABSENT, WARN), (MAKING, WARN), (BROKEN, FAIL)])
def test_the_environment(tmp_path: Path, state: str, expected: str) -> None:
    found = program_checks.environment(EnvironmentStatus(state, tmp_path, tmp_path, error="half"))
    assert found.state == expected
    assert bool(found.fix) == (expected != OK)


@pytest.mark.parametrize(
    ("host", "state"),
    [
        (None, OK), (HostRecord(), OK), (HostRecord("webui", "1.10.1", "."), OK),
        (HostRecord("webui", "1.6.0", "."), WARN),
        (HostRecord("forge", "", "."), OK), (HostRecord("webui", "1.10.1", "/gone"), WARN),
    ],
)  # fmt: skip
def test_the_host(host: HostRecord | None, state: str) -> None:
    assert program_checks.host(host).state == state


def test_sd_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"TRAIN_TOOLS_ENV": str(tmp_path)}
    assert "not installed" in program_checks.sd_scripts(environ).text
    environ["TRAIN_TOOLS_SD_SCRIPTS"] = str(tmp_path / "mine")
    assert program_checks.sd_scripts(environ).state == FAIL
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train_network.py").touch()
    assert program_checks.sd_scripts(environ).state == OK


def safetensors(path: Path, names: dict[str, tuple[int, ...]], cut: int = 0) -> Path:
    tensors: dict[str, Any] = {}
    at = 0
    for name, shape in names.items():
        size = 2
        for side in shape:
            size *= side
        tensors[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(tensors).encode()
    path.write_bytes((struct.pack("<Q", len(head)) + head + bytes(at))[: -cut or None])
    return path


def test_base_models(tmp_path: Path) -> None:
    shipped = program_checks.base_model(base_model_file())
    assert (shipped.state, "Stable Diffusion" in shipped.text) == (OK, True)
    xl = safetensors(tmp_path / "xl.safetensors", {"conditioner.embedders.1.model.x": (2, 2)})
    assert "Stable Diffusion XL" in program_checks.base_model(xl).text
    cut = safetensors(tmp_path / "cut.safetensors", {"a": (4, 4)}, cut=3)
    assert program_checks.base_model(cut).state == FAIL
    lora = safetensors(tmp_path / "lora.safetensors", {"lora_unet_x.lora_down.weight": (4, 4)})
    assert program_checks.base_model(lora).state == FAIL
    assert "a LoRA" in program_checks.base_model(lora).text
    odd = safetensors(tmp_path / "odd.safetensors", {"a": (4, 4)})
    assert program_checks.base_model(odd).state == WARN
    assert program_checks.base_model(tmp_path / "gone.safetensors").state == FAIL
    (tmp_path / "old.ckpt").touch()
    assert program_checks.base_model(tmp_path / "old.ckpt").state == FAIL
    torch.save({"model.diffusion_model.input_blocks.1.1.proj_in.weight": torch.zeros(2, 2, 1, 1),
                "cond_stage_model.transformer.x": torch.zeros(1)}, tmp_path / "old.ckpt")  # fmt: skip
    assert program_checks.base_model(tmp_path / "old.ckpt").state == WARN


def test_the_base_models_that_versions_name(tmp_path: Path) -> None:
    versions = tmp_path / "train_tools" / "projects" / "p" / "versions"
    texts = {
        "a": f'[training]\npretrained_model_name_or_path = "{base_model_file().as_posix()},/gone/x.safetensors"\n',
        "b": f'[training]\npretrained_model_name_or_path = "{base_model_file().as_posix()}"\n',
        "c": "[training",
        "d": "training = 3\n",
    }
    for name, text in texts.items():
        (versions / name).mkdir(parents=True)
        (versions / name / "version.toml").write_text(text, encoding="utf-8")
    found = list(program_checks.base_models(tmp_path))
    assert sorted(finding.state for finding in found) == [FAIL, FAIL, OK]
    assert any("version.toml" in finding.text for finding in found)


def test_a_python_that_reads_no_toml_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml, "module", lambda name: None)
    (found,) = program_checks.base_models(tmp_path)
    assert found.state == WARN


def test_a_broken_environment_is_explained_by_its_log(tmp_path: Path) -> None:
    (tmp_path / "env" / ".train-tools").mkdir(parents=True)
    (tmp_path / "env-setup.log").write_text(
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", encoding="utf-8"
    )
    environ = {**os.environ, "TRAIN_TOOLS_ENV": str(tmp_path / "env")}
    found = {finding.id: finding for finding in examine(tmp_path / "root", environ)}
    assert found["environment"].state == FAIL
    assert "cache purge" in found["environment-download-damaged"].fix
