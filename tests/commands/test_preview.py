"""`preview` as a person types it: rendering, looking ahead, rendering again, deleting, prompt sets; and its job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import train_tools
from train_tools import cli
from train_tools.commands import job
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import PREVIEW
from train_tools.lora import kohya
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import unet_targets
from train_tools.preview.index import read_index
from train_tools.small_models import base_model_file
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace

QUICK = ("--set", "steps=1", "--set", "width=32", "--set", "height=32")


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the model that ships."""
    from train_tools.families.loading import load

    path = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    stack = LoraStack(unet_targets(load(base_model_file()).unet), [1], [1])
    stack.flat.fill_(0.01)
    kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), {"ss_epoch": "1"})
    return path


@pytest.fixture
def version(lora: Path, tmp_path: Path) -> Version:
    """Two runs of a checkpoint each."""
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    base_model = {"pretrained_model_name_or_path": str(base_model_file()), "resolution": "64,64"}
    for run in ("run-a", "run-b"):
        folder = made.trains / run
        folder.mkdir()
        (folder / "run.toml").write_text(toml.dumps({**base_model, "output_name": run}), encoding="utf-8")
        shutil.copy(lora, folder / f"{run}.safetensors")
    return made


def run(version: Version, *words: str) -> int:
    action = [words[0]] if words and words[0] in ("plan", "delete", "prompts") else []
    root = version.root
    return cli.main(["preview", *action, "zorb", "v1", *words[len(action) :], "--root", str(root)])


def document(version: Version, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(version, *words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_plan_render_again_and_delete(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    ahead = document(version, capsys, "plan", *QUICK, "--set", "weights=0-1 (+0.5)")
    (drawn,) = ahead.pop("drawn")
    assert (drawn["renderer"], drawn["because"]) == ("diffusers", "no webui runs")
    by_family = ahead.pop("by_family")
    assert (by_family["sampler"], by_family["scheduler"], by_family["guidance"]) == ("DDIM", "Automatic", "")
    assert ahead == {"checkpoints": 2, "cells": 6, "pictures": 5, "missing": 5, "notes": []}
    made = document(version, capsys, *QUICK, "--set", "weights=0,1", "--set", "prompts=a <lora:x:1> cat")
    assert (made["rendered"], made["kept"], made["failed"], made["renderer"]) == (3, 0, [], "diffusers")
    assert "<lora:x:1> was taken out" in made["notes"][0]
    assert all(Path(path).is_file() for path in [*made["sheets"], *made["grids"]])
    assert made["sheet"] == made["sheets"][0]
    again = document(version, capsys, "--run", "run-a", "--again")
    assert (again["rendered"], again["kept"]) == (2, 0)
    deleted = document(version, capsys, "delete", "--run", "run-a")
    assert (deleted["runs"], deleted["pictures"]) == (["run-a"], 1)
    assert all(Path(path).is_dir() for path in deleted["trash"])
    assert {cell.run for cell in read_index(version).cells} == {"run-b"}
    assert not list((version.trains / "run-a").rglob("*.png"))
    assert list((version.trains / "run-b").rglob("*.png"))
    assert document(version, capsys)["rendered"] == 1  # the settings were kept


def test_a_person_is_told_the_files(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(version, *QUICK, "--set", "weights=1") == 0
    text = capsys.readouterr().out
    assert "2 cells rendered, 0 kept from before, 0 errors" in text
    assert text.count("grid   ") == 2
    assert text.count("sheet  ") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("delete",), "say whose previews: --run NAME"),
        (("delete", "--run", "none"), "none is called 'none'"),
        (("--run", "none"), "none is called 'none'"),
        (("--set", "sampler=Restart"), "sampler 'Restart' is none of the renderer"),
        (("--set", "checkpoints=latest"), "checkpoints can't be latest"),
        (("--set", "steps=0"), "steps can't be 0"),
        (("--set", "block_weights=1,2"), "write a preset"),
        (("--set", "renderer=host"), "no webui with Train Tools is running"),
        (("--set", "prompt_set=mine"), "there is no list of prompts 'mine'"),
        (("--set", "sheet_axes=colour"), "there is no axis 'colour'"),
        (("prompts", "--save", "a/b"), "can't be used"),
    ],
)  # fmt: skip
def test_what_cant_be_is_told_and_nothing_is_rendered(
    version: Version, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert run(version, *words) == 2
    assert told in capsys.readouterr().err
    assert not list(version.folder.rglob("cell-*.png"))


def test_a_failed_checkpoint_is_exit_code_1(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = version.trains / "run-a" / "run-a.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert run(version, *QUICK, "--set", "weights=0,1", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["rendered"] == 2
    assert said["failed"][0].startswith("run-a.safetensors")
    assert len(said["grids"]) == 3  # of run-a only what there is, without differences


def test_prompt_sets(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    saved = document(version, capsys, "prompts", "--save", "best", "--set", "prompts=a cat | a dog")
    assert saved["sets"] == {"best": ["a cat", "a dog"]}
    made = document(version, capsys, *QUICK, "--set", "prompt_set=best", "--set", "weights=0")
    assert made["rendered"] == 2


def test_a_job_tells_its_cells_and_fails_where_one_does(version: Version, tmp_path: Path) -> None:
    settings = {"steps": "1", "width": "32", "height": "32", "weights": "0,1", "prompts": "a <lora:x:1>"}
    add_job(Queue(tmp_path), version, PREVIEW, settings, Conditions())
    (folder,) = (version.folder / "jobs").iterdir()
    assert job.main([str(folder)]) == 0
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [event["event"] for event in events] == ["progress"] * 3 + ["warning", "checkpoint", "finished"]
    assert [(event["done"], event["total"]) for event in events[:3]] == [(1, 3), (2, 3), (3, 3)]
    assert "run-a at 1: a" in {event["text"] for event in events[:3]}
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert (told["rendered"], told["drawn"][0]["renderer"], told["drawn"][0]["because"]) == (
        3,
        "diffusers",
        "no webui runs",
    )
    damaged = version.trains / "run-a" / "run-a.safetensors"
    damaged.write_bytes(b"no")
    assert job.main([str(folder)]) == 1
    last = json.loads((folder / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["event"] == "failed"
    assert last["error"].startswith("1 errors; run-a.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_while_rendering_it_leaves_whole_pictures(version: Version, tmp_path: Path) -> None:
    source = str(Path(train_tools.__file__).parents[1])
    words = ["preview", "zorb", "v1", "--set", "steps=2", "--set", "batch_cells=1", "--set", "seed=1-40"]
    process = subprocess.Popen(
        [sys.executable, "-m", "train_tools", *words, "--root", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": source, "TRAIN_TOOLS_ENV": "current"},
        stdout=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 120
        while len(list(version.folder.rglob("cell-*.png"))) < 5:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    cells = list(version.folder.rglob("cell-*.png"))
    assert len(cells) >= 5
    for path in cells:
        with Image.open(path) as image:
            image.load()
            assert "Steps: 2" in image.text["parameters"]  # type: ignore[attr-defined]
