"""Every benchmark starts, at its smallest size: figures that READMEs quote can be measured again."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

REAL = os.environ.get("TRAIN_TOOLS_SD_SCRIPTS", "")  # asked before a fixture of all tests takes it away
ENOUGH = {
    "packed_training": ["--only", "step", "--packs", "2", "--timed", "1", "--batch", "1"],
    "gpu": ["--tiny", "--families", "sd1", "--runs", "2", "--ways", "plain,channels_last,checkpointing"],
    "packed_preview": ["--steps", "1", "--checkpoints", "1"],
    "model_loading": ["--narrow"],
    "dataset_intake": ["--images", "2", "--megapixels", "0.02", "--loop-images", "1"],
    "plan_grid": ["--seeds", "1"],
    "page": ["--images", "8", "--seeds", "2"],
    "large_page": ["--runs", "8", "--checkpoints", "2", "--only", "queue"],
    "prompt_following": ["--prompts", "1"],
}  # fmt: skip
SAYS = {
    "packed_training": "| 2 |", "gpu": "| sd1 | channels_last | 2 |", "packed_preview": "cell by cell",
    "model_loading": "peak above the model's own size", "dataset_intake": "an image takes the loop",
    "plan_grid": "us a run", "page": "/api/queue/summary", "large_page": "the worker recovers", "prompt_following": "captioner",
}  # fmt: skip
# Each needs what not every machine has.
ELSEWHERE = {"board", "sd_scripts_cache"}
HELPERS = {"counted", "large_grid", "makespan", "true_size"}


def test_all_are_here() -> None:
    there = {file.stem for file in (Path(__file__).parents[2] / "benchmarks").glob("[a-z]*.py")}
    assert there == set(ENOUGH) | ELSEWHERE | HELPERS


# What they measure is tested elsewhere; that they start is seen before a release.
QUICK = ("dataset_intake", "plan_grid", "page")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in ENOUGH]
)
def test_it_starts(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert SAYS[name] in said(name, ENOUGH[name], monkeypatch, capsys)


@pytest.mark.thorough
def test_a_grid_is_timed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--only", "makespan", "--batch", "1", "--runs", "2", "--steps", "3"]
    told = said("packed_training", sizes, monkeypatch, capsys)
    assert "| packed |" in told
    assert "first step: of the pack after" in told


@pytest.mark.thorough
def test_all_layers_of_xl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(
        "packed_training",
        ["--family", "sdxl", "--only", "step,counts", "--packs", "1", "--timed", "1", "--batch", "1"],
        monkeypatch,
        capsys,
    )
    assert "sdxl in its true size" in told


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_needs_more(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "board":
        pytest.importorskip("playwright")
        assert "jumping to the end" in said(name, ["--runs", "2", "--times", "1"], monkeypatch, capsys)
    elif not REAL:
        pytest.skip("TRAIN_TOOLS_SD_SCRIPTS names no checkout of sd-scripts")
    else:
        monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", REAL)
        sizes = ["--images", "1", "--side", "64", "--runs", "1"]
        assert "encoded once" in said(name, sizes, monkeypatch, capsys)


def said(
    name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    importlib.import_module(f"benchmarks.{name}").main()
    return capsys.readouterr().out
