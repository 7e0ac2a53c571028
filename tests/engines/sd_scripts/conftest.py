from __future__ import annotations

import os
from pathlib import Path

import pytest
from engines.sd_scripts import stand_in
from engines.sd_scripts.bench import Bench, make_version
from engines.sd_scripts.narrow import narrow_checkout, small_diffusers_folder
from execution.fake_engine import write_base

VARIABLE = "TRAIN_TOOLS_SD_SCRIPTS"
REAL = os.environ.get(VARIABLE, "")  # asked before a fixture of all tests takes it away
BOTH = [
    "stand-in",
    pytest.param(
        "real",
        marks=[
            pytest.mark.real_sd_scripts,
            pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts"),
        ],
    ),
]
TROUBLES_OF_STAND_IN = {
    "nan": {"training_comment": "nan"},
    "missing module": {"training_comment": "missing module"},
}
TROUBLES_OF_REAL = {
    "nan": {"learning_rate": "1e30", "max_grad_norm": "0", "network_train_unet_only": "true"},
    "missing module": {"optimizer_type": "nobodys_optimizers.Best"},
}


@pytest.fixture
def stand_in_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return _stand_in(tmp_path, monkeypatch)


@pytest.fixture(params=BOTH)
def bench(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bench:
    if request.param == "stand-in":
        return _stand_in(tmp_path, monkeypatch)
    return _real(tmp_path, monkeypatch, tmp_path_factory)


@pytest.fixture(params=BOTH[1:])
def real_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    return _real(tmp_path, monkeypatch, tmp_path_factory)


def _real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    once = tmp_path_factory.getbasetemp() / "real"
    if not once.exists():
        narrow_checkout(Path(REAL).absolute(), once / "sd-scripts")
        small_diffusers_folder(once / "base")
    monkeypatch.setenv(VARIABLE, str(once / "sd-scripts"))
    root = tmp_path / "root"
    return Bench(root, once / "base", make_version(root), TROUBLES_OF_REAL)


def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv(VARIABLE, str(stand_in.checkout(tmp_path / "sd-scripts")))
    base = tmp_path / "base.safetensors"
    write_base(base)
    root = tmp_path / "root"
    return Bench(root, base, make_version(root), TROUBLES_OF_STAND_IN)
