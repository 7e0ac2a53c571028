"""The renderer with its process, which runs here beside a stand-in for sd-scripts' modules."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from preview.through_sd_scripts.asked import Drawer, cell, checkpoint
from safetensors.torch import save_file

from train_tools.families.detect import detect
from train_tools.preview.cells import Checkpoint, Run
from train_tools.preview.through_sd_scripts.client import Client
from train_tools.preview.through_sd_scripts.support import why_not

VARIABLE = "TRAIN_TOOLS_SD_SCRIPTS"
STAND_IN = Path(__file__).with_name("stand_in")
FILES = ("clip_l", "t5xxl", "ae")
LAYERS = ("lora_te1_layer", "lora_unet_layer")


@pytest.fixture
def drawer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawer:
    shutil.copytree(STAND_IN, tmp_path / "sd-scripts")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "sd-scripts"))
    return Drawer(tmp_path / "drawing.log")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    base = tmp_path / "flux1-dev.safetensors"
    write_base(base)
    files = {name: str(tmp_path / f"{name}.safetensors") for name in FILES}
    for path in files.values():
        Path(path).write_bytes(b"")
    return Run(
        tmp_path / "run", {"pretrained_model_name_or_path": str(base), "mixed_precision": "no", **files}
    )


@pytest.fixture
def of(run: Run, tmp_path: Path) -> Checkpoint:
    return checkpoint(run, write_lora(tmp_path / "zorb.safetensors"))


def write_base(path: Path) -> None:
    names = {"double_blocks.0.img_attn.proj.weight": 4, "guidance_in.in_layer.weight": 4, "img_in.weight": 64}
    save_file({name: torch.zeros(4, width) for name, width in names.items()}, path)


def write_lora(path: Path, layers: tuple[str, ...] = LAYERS, width: int = 4, **metadata: str) -> Path:
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    for layer in layers:
        tensors[f"{layer}.lora_down.weight"] = torch.randn(2, width, generator=generator)
        tensors[f"{layer}.lora_up.weight"] = torch.randn(width, 2, generator=generator)
        tensors[f"{layer}.alpha"] = torch.tensor(2.0)
    save_file(tensors, path, {"ss_network_module": "networks.lora_flux", **metadata})
    return path


def test_each_cell_is_drawn_as_it_says(drawer: Drawer, of: Checkpoint) -> None:
    base, half, whole, again, transformer, texts, seed, steps, prompt, guidance = drawer.draw(
        [
            cell(of, weight=0.0),
            cell(of, weight=0.5),
            cell(of, weight=1.0),
            cell(of, weight=1.0),
            cell(of, weight_unet=1.0),
            cell(of, weight_te=1.0),
            cell(of, seed=2),
            cell(of, steps=5),
            cell(of, prompt="zorb, asleep"),
            cell(of, guidance=9.0),
        ]
    )
    assert base.shape == (64, 64, 3)
    assert np.array_equal(whole, again)
    pictures = [base, half, whole, transformer, texts, seed, steps, prompt, guidance]
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_the_generation_parameters_come_with_it(drawer: Drawer, of: Checkpoint) -> None:
    (outcome,) = drawer.tried([cell(of, weight=1.0, width=96)])
    assert "<lora:zorb:1>" in outcome.infotext
    assert "Size: 96x64" in outcome.infotext


def test_a_negative_prompt_counts_with_guidance_alone(drawer: Drawer, of: Checkpoint) -> None:
    without, other_without, with_it, other_with_it = drawer.draw(
        [
            cell(of, cfg_scale=1.0),
            cell(of, cfg_scale=1.0, negative_prompt="green"),
            cell(of, cfg_scale=3.0),
            cell(of, cfg_scale=3.0, negative_prompt="green"),
        ]
    )
    assert np.array_equal(without, other_without)
    assert not np.array_equal(with_it, other_with_it)


def test_a_lora_is_taken_off_without_a_trace(drawer: Drawer, of: Checkpoint, tmp_path: Path) -> None:
    picture = {"width": 64, "height": 64, "seed": 1, "steps": 4, "cfg_scale": 3.0}
    plain = {"number": 0, "picture": picture, "prompt": "zorb", "negative_prompt": ""}
    lora = {"lora": str(of.path), "module": "networks.lora_flux", "weight_unet": 1.0, "weight_te": 1.0}
    pictures = []
    with Client(tmp_path / "sd-scripts", drawer.log) as client:
        client.ask(do="load", family="flux", arguments=of.run.arguments)
        for asked in (plain, {**plain, **lora}, plain):
            client.ask(do="draw", cells=[asked])
            pictures += [answer["png"] for answer in until_drawn(client)]
    assert pictures[0] == pictures[2] != pictures[1]


def until_drawn(client: Client) -> list[Any]:
    answers = []
    for answer in client.answers():
        if "drawn" in answer:
            break
        answers.append(answer)
    return answers


def test_what_sd_scripts_prints_is_in_the_log_and_no_answer(drawer: Drawer, of: Checkpoint) -> None:
    drawer.draw([cell(of, weight=1.0)])
    log = drawer.log.read_text("utf-8")
    assert "said by a library" in log
    assert "create LoRA network from weights: 3" in log


def test_a_base_model_is_loaded_once_for_all_that_trained_alike(
    drawer: Drawer, run: Run, of: Checkpoint, tmp_path: Path
) -> None:
    alike = Run(tmp_path / "alike", {**run.arguments, "learning_rate": 1e-5})
    other = Run(tmp_path / "other", {**run.arguments, "t5xxl_max_token_length": 128})
    drawer.draw([cell(of), cell(checkpoint(alike, of.path), seed=2), cell(of, weight=1.0)])
    loaded = f"Loading state dict from {run.base_model}"
    assert drawer.log.read_text("utf-8").count(loaded) == 1
    drawer.draw([cell(of), cell(checkpoint(other, of.path))])
    assert drawer.log.read_text("utf-8").count(loaded) == 2


def test_the_vae_of_choice_is_looked_for(drawer: Drawer, of: Checkpoint) -> None:
    (error,) = drawer.errors([cell(of, vae="/nowhere/other.safetensors")])
    assert error.startswith("ae = /nowhere/other.safetensors isn't there any more; set ae to that file")


def test_a_lora_for_another_kind_of_base_model_is_refused_by_name(
    drawer: Drawer, run: Run, of: Checkpoint, tmp_path: Path
) -> None:
    others = [
        write_lora(
            tmp_path / "anima.safetensors", ("lora_unet_blocks_0_mlp_layer1",), ss_base_model_version="anima"
        ),
        write_lora(tmp_path / "sdxl.safetensors", ("lora_te2_layer", "lora_unet_layer")),
        write_lora(tmp_path / "wide.safetensors", ("lora_unet_layer",), width=6),
    ]
    asked = [cell(checkpoint(run, path), weight=1.0) for path in others]
    anima, sdxl, wide, whole = drawer.errors([*asked, cell(of, weight=1.0)])
    assert anima == (
        "anima.safetensors is a LoRA for another kind of base model (anima): 1 of its 1 layers have no place in this "
        "one, lora_unet_blocks_0_mlp_layer1 among them"
    )
    assert "lora_te2_layer" in sdxl
    assert wide.startswith("wide.safetensors doesn't fit this base model: size mismatch")
    assert whole == ""


def test_a_network_that_trained_nothing_is_named(drawer: Drawer, run: Run, tmp_path: Path) -> None:
    empty = write_lora(tmp_path / "empty.safetensors", ())
    assert drawer.errors([cell(checkpoint(run, empty), weight=1.0)]) == [
        "empty.safetensors holds no layers: its network found none to train in this base model"
    ]


def test_a_module_that_is_not_there_is_named(drawer: Drawer, run: Run, tmp_path: Path) -> None:
    file = write_lora(tmp_path / "a.safetensors", ss_network_module="networks.loha")
    (error,) = drawer.errors([cell(checkpoint(run, file), weight=1.0)])
    assert error.startswith("a.safetensors was trained with networks.loha, which can't be asked to draw it")


def test_what_goes_wrong_with_one_cell_stops_no_other(drawer: Drawer, of: Checkpoint) -> None:
    large, odd, nan, wrong, blocks, whole = drawer.errors(
        [
            cell(of, width=3200, height=3200),
            cell(of, width=72),
            cell(of, guidance=200.0),
            cell(of, guidance=-1.0),
            cell(of, weight=1.0, block_weights="MIDD"),
            cell(of),
        ]
    )
    assert large == "there isn't enough memory for one picture of this size; choose a smaller one"
    assert odd == "72x64 can't be drawn with FLUX.1: both sides must be multiples of 16"
    assert nan.startswith("the picture came out without numbers (NaN): no is too coarse")
    assert wrong == "sd-scripts couldn't draw it (ValueError: guidance must be positive)"
    assert blocks.startswith("block weights are for the blocks of a UNet")
    assert whole == ""


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("it ends from outside", "sd-scripts ended with code -9 and without a result"),
        ("it misses a package", "the Python package sentencepiece is missing in sd-scripts' environment"),
    ],
)
def test_each_cell_is_told_how_the_process_ended(
    drawer: Drawer, of: Checkpoint, prompt: str, error: str
) -> None:
    found = drawer.errors([cell(of), cell(of, prompt=prompt), cell(of, seed=2)])
    assert all(one.startswith(error) for one in found), found


def test_a_base_model_that_does_not_fit_says_what_helps(drawer: Drawer, run: Run, tmp_path: Path) -> None:
    base = tmp_path / "too large.safetensors"
    write_base(base)
    large = Run(run.folder, {**run.arguments, "pretrained_model_name_or_path": str(base)})
    (error,) = drawer.errors([cell(checkpoint(large, tmp_path / "none.safetensors"))])
    assert error.startswith(
        "there isn't enough memory to load this base model; set blocks_to_swap or fp8_base"
    )


def test_a_file_that_was_replaced_is_told(drawer: Drawer, run: Run, tmp_path: Path) -> None:
    path = write_lora(tmp_path / "zorb.safetensors", sshs_model_hash="a" * 64)
    old = Checkpoint(run, path, 1, "b" * 64)
    assert drawer.errors([cell(old, weight=1.0)]) == [
        "zorb.safetensors was replaced meanwhile; run `preview` again"
    ]


def test_the_process_ends_with_whoever_asked_it(drawer: Drawer, run: Run, tmp_path: Path) -> None:
    """Even by kill -9, in the middle of nothing."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from train_tools.preview.through_sd_scripts.client import Client\n"
        f"client = Client(Path({str(tmp_path / 'sd-scripts')!r}), Path({str(drawer.log)!r}))\n"
        "print(client._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        drawing = psutil.Process(int(asker.stdout.readline()))
        asker.kill()
    for _ in range(200):
        if not drawing.is_running() or drawing.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("it still runs")


def test_what_cannot_be_drawn_is_said_before(
    run: Run, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = detect(run.base_model)
    arguments = run.arguments
    assert why_not(found, arguments, "Euler", "Simple") == ""
    assert "the sampler Euler alone, not DDIM" in why_not(found, arguments, "DDIM", "Simple")
    assert "the scheduler Simple alone, not Karras" in why_not(found, arguments, "Euler", "Karras")
    without = {name: value for name, value in arguments.items() if name != "t5xxl"}
    assert why_not(found, without, "Euler", "Simple").startswith(
        "t5xxl is missing, without which FLUX.1 can't be drawn; set t5xxl to that file, usually t5xxl_fp16.safetensors"
    )
    gone = {**arguments, "ae": "/nowhere/ae.safetensors"}
    assert why_not(found, gone, "Euler", "Simple").startswith(
        "ae = /nowhere/ae.safetensors isn't there any more"
    )
    strange = {**arguments, "network_module": "my.own"}
    assert why_not(found, strange, "Euler", "Simple").startswith(
        "LoRAs of network_module = my.own aren't drawn"
    )
    monkeypatch.setenv(VARIABLE, "/nowhere")
    assert "sd-scripts, which draws FLUX.1, isn't installed" in why_not(found, arguments, "Euler", "Simple")
    assert drawer.errors([cell(checkpoint(run, run.folder))]) == [
        why_not(found, arguments, "Euler", "Simple")
    ]
