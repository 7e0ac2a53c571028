"""Stable Diffusion XL by the real sd-scripts and by the packed engine: the same names and metadata, and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.sd_scripts.bench import SETTINGS, make_version
from engines.sd_scripts.conftest import REAL, VARIABLE
from engines.sd_scripts.narrow import narrow_checkout
from PIL import Image

from train_tools.base_model.convert import write_checkpoint
from train_tools.execution.train import train
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.plan import make_plan
from train_tools.preview.service import preview
from train_tools.preview.settings import PreviewSettings

pytestmark = [
    pytest.mark.real_sd_scripts, pytest.mark.slow, pytest.mark.timeout(900),
    pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts"),
]  # fmt: skip
FOUR_STEPS = {"train_batch_size": "3", "max_train_epochs": "1", "save_every_n_epochs": "none", "seed": "1"}
# What two trainings never say alike, or only one of them can say.
OWN = {
    "ss_session_id", "ss_training_started_at", "ss_training_finished_at", "ss_output_name", "ss_sd_scripts_commit_hash",
    "modelspec.date", "modelspec.title", "modelspec.implementation_version", "sshs_model_hash", "sshs_legacy_hash",
}  # fmt: skip


def test_both_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(narrow_checkout(Path(REAL).absolute(), tmp_path / "sd-scripts")))
    base = tmp_path / "xl.safetensors"
    write_checkpoint(narrow.build(KINDS["sdxl"]), base)
    said: dict[str, dict[str, str]] = {}
    shapes: dict[str, Any] = {}
    for engine in ("sd-scripts", "packed"):
        version = make_version(tmp_path / engine)
        given = {**SETTINGS, **FOUR_STEPS, "pretrained_model_name_or_path": str(base)}
        plan = make_plan(version, given, engine)
        (result,) = train(version, plan, lambda run, event: None)
        assert (result.state, result.steps) == ("finished", 4)
        (file,) = version.trains.rglob("*.safetensors")
        header = read_header(file)
        said[engine] = dict(header.metadata)
        shapes[engine] = {name: tuple(info.shape) for name, info in header.tensors.items()}
        settings = PreviewSettings(
            prompts=("zorb, a red circle", "a house"), weights=(0.0, 1.0), steps=(2,), width=64, height=64,
            renderer="diffusers",
        )  # fmt: skip
        made = preview(version, settings, lambda progress: None)
        assert made.failed == []
        cells = sorted(version.folder.rglob("cell-*.png"))
        pictures = [np.asarray(Image.open(cell).convert("RGB")) for cell in cells]
        assert len({picture.tobytes() for picture in pictures}) == 4
        assert all(np.ptp(picture) > 30 for picture in pictures)
    real, ours = said["sd-scripts"], said["packed"]
    assert shapes["packed"] == shapes["sd-scripts"]
    assert sorted(set(real) - set(ours)) == []
    differing = {
        name: (real[name], ours[name]) for name in real if name not in OWN and real[name] != ours[name]
    }
    assert differing == {}
