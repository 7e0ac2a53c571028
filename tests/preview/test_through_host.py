"""Cells through a webui's bridge, and the generation parameters that its PNG Info reads back."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import install
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from preview.heads import model
from preview.hosts import Bridge
from preview.samples import PROMPTS, settings

from train_tools.families import block_weights
from train_tools.hosts.bridge_client import renderer_of
from train_tools.hosts.bridge_server import Bridge as BridgeServer
from train_tools.hosts.webui import Webui
from train_tools.lora import kohya
from train_tools.preview.index import read_index
from train_tools.preview.service import PreviewResult, preview
from train_tools.workspace.workspace import Version

PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # webui: infotext_utils.re_param


def parsed(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and parameters, as the webui reads them (infotext_utils.parse_generation_parameters)."""
    *lines, last = text.strip().split("\n")
    pairs = dict(PAIR.findall(last))
    assert len(pairs) >= 3  # else the webui takes the last line for a part of the prompt
    starts = [number for number, line in enumerate(lines) if line.startswith("Negative prompt:")]
    cut = starts[0] if starts else len(lines)
    negative = "\n".join(lines[cut:]).removeprefix("Negative prompt:").strip()
    return "\n".join(lines[:cut]).strip(), negative, {name: value.strip('"') for name, value in pairs.items()}


def infotexts(version: Version) -> dict[str, tuple[str, str, dict[str, str]]]:
    found = {}
    for cell in read_index(version).cells:
        with Image.open(version.folder / cell.image) as image:
            found[f"{cell.checkpoint} {cell.weight}"] = parsed(image.text["parameters"])  # type: ignore[attr-defined]
    return found


def render(version: Version, bridge: Bridge | None, **changes: Any) -> PreviewResult:
    chosen = settings(**{"prompts": PROMPTS[:1], "difference": False, **changes})
    return preview(version, chosen, lambda _: None, bridge=bridge)


def test_png_info_reads_back_what_was_rendered_by_ourselves(version: Version) -> None:
    render(
        version, None, negative_prompt=("blur: much, more",), weights_unet=(0.5,), weights=(0.0, 0.8), clip_skip=(2,),
        sampler=("DPM++ 2M",), scheduler=("Karras",), runs=("run-Lion",), checkpoints="last",
    )  # fmt: skip
    prompt, negative, pairs = infotexts(version)["zorb-v1-0.safetensors UNet 0.5, TE 0.8"]
    assert prompt == f"{PROMPTS[0]} <lora:zorb-v1-0:0.8:0.5>"
    assert negative == "blur: much, more"
    name, _, sha = pairs.pop("Lora hashes").partition(": ")
    assert (name, len(sha)) == ("zorb-v1-0", 12)
    assert "zorb-v1-0 lies in the folder of its run; the webui finds it once it is kept" in pairs.pop(
        "Train Tools"
    )
    assert pairs == {
        "Steps": "2", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "3", "Seed": "1", "Size": "64x64",
        "Model": "random", "Clip skip": "2", "Version": "Train Tools",
    }  # fmt: skip


def test_a_models_hash_is_told_where_the_lora_knows_it(version: Version, write_lora: Any) -> None:
    sha = "0123456789abcdef" * 4
    path = version.trains / "run-AdamW" / "zorb-v1-1.safetensors"
    write_lora(path, 1, 2, 2, ss_new_sd_model_hash=sha)
    render(version, None, runs=("run-AdamW",), weights=(1.0,))
    assert infotexts(version)["zorb-v1-1.safetensors 1.0"][2]["Model hash"] == "0123456789"


def test_cells_through_a_webui(version: Version, base_file: Path) -> None:
    bridge = Bridge([base_file])
    result = render(version, bridge, weights_te=(0.0, 0.5), weights=(0.0, 1.0))
    assert (result.rendered, result.failed, result.renderer) == (1 + 3 * 3, [], "host")
    assert [request["last"] for request in bridge.requests] == [False] * 9 + [True]
    first, *others = bridge.requests
    assert first["lora"] is None  # weight 0 for all checkpoints
    assert {request["base_model"] for request in bridge.requests} == {str(base_file)}
    assert [request["lora"] for request in others] == sorted(request["lora"] for request in others)
    assert {(r["weight_unet"], r["weight_te"]) for r in others} == {(0.0, 0.5), (1.0, 0.0), (1.0, 0.5)}
    again = render(version, bridge, weights_te=(0.0, 0.5), weights=(0.0, 1.0))
    assert (again.rendered, again.kept) == (0, 10)


def test_a_webui_is_told_what_the_family_asks_for(version: Version, tmp_path: Path) -> None:
    """It may leave out what nobody set; what somebody set it draws so, or not at all."""
    flux = model(tmp_path, "flux dev")
    bridge = Bridge([flux])
    on_flux = {"base_models": (str(flux),), "weights": (0.0,), "steps": (), "cfg_scale": ()}
    render(version, bridge, **on_flux)
    asked = bridge.requests[-1]
    told = ("sampler", "scheduler", "steps", "cfg_scale", "guidance", "may_lack")
    assert [asked[name] for name in told] == ["Euler", "Simple", 20, 1.0, 3.5, ["guidance"]]
    assert not {"shift", "prediction"} & asked.keys()
    render(version, bridge, **on_flux, guidance=(2.0,))
    assert bridge.requests[-1]["guidance"] == 2.0
    assert "may_lack" not in bridge.requests[-1]


def test_a_webui_is_told_that_a_model_predicts_velocity(version: Version, tmp_path: Path) -> None:
    noob = model(tmp_path, "velocity")
    bridge = Bridge([noob])
    render(version, bridge, base_models=(str(noob),), weights=(0.0,))
    assert (bridge.requests[-1]["prediction"], bridge.requests[-1]["zero_snr"]) == ("v", True)
    result = render(version, bridge, base_models=(str(noob),), weights=(0.0,), rescale=(0.5,))
    assert result.drawn[0].renderer == "diffusers"
    assert result.drawn[0].because == "the webui's txt2img doesn't rescale guidance"


def test_png_info_of_a_webuis_picture_names_the_checkpoint(version: Version, base_file: Path) -> None:
    render(version, Bridge([base_file]), weights=(0.0, 1.0), runs=("run-AdamW",))
    prompt, _, pairs = infotexts(version)["zorb-v1-1.safetensors 1.0"]
    assert prompt == f"{PROMPTS[0]} <lora:zorb-v1-1:1>"
    assert pairs["Lora hashes"].startswith("zorb-v1-1: ")
    assert (pairs["Model hash"], pairs["Version"]) == ("6ce0161689", "v1.10.1")
    assert pairs["Train Tools"].startswith("the checkpoint zorb-v1-1 lies in the folder of its run")
    prompt, _, pairs = infotexts(version)["zorb-v1-1.safetensors 0.0"]
    assert prompt == PROMPTS[0]
    assert "Lora hashes" not in pairs
    assert "Train Tools" not in pairs


def test_block_weights_are_put_into_the_file(version: Version, base_file: Path) -> None:
    bridge = Bridge([base_file])
    render(version, bridge, weights=(1.0,), block_weights=("OUTALL",), runs=("run-AdamW",))
    original = kohya.read(version.trains / "run-AdamW" / "zorb-v1-1.safetensors")
    (request,), (content,) = bridge.requests, bridge.files
    assert request["lora"] != str(original.path)
    assert not Path(request["lora"]).exists()
    assert content is not None
    copy = version.folder / "copy.safetensors"
    copy.write_bytes(content)
    blocks = block_weights.parse("OUTALL")
    for name, tensor in kohya.read(copy).tensors.items():
        factor = block_weights.factor(blocks, name.split(".")[0]) if name.endswith("lora_up.weight") else 1
        assert tensor.equal(original.tensors[name] * factor), name
    assert "<lora:zorb-v1-1:1:1:lbw=OUTALL>" in infotexts(version)["zorb-v1-1.safetensors 1.0"][0]


def test_what_the_webui_refuses_fails_alone(version: Version, base_file: Path) -> None:
    result = render(version, Bridge([base_file], breaks_at=1))
    assert (result.rendered, len(result.failed)) == (3, 1)
    assert "the LoRA doesn't fit this base model" in result.failed[0]


def test_the_renderer_can_be_chosen(version: Version, base_file: Path) -> None:
    bridge = Bridge([base_file])
    assert render(version, bridge, renderer="diffusers", weights=(0.0,)).renderer == "diffusers"
    assert bridge.requests == []


@pytest.mark.parametrize("answer", [b"", b"no picture"])
def test_a_webui_that_sends_no_picture(version: Version, base_file: Path, answer: bytes) -> None:
    class Broken(Bridge):
        def render(self, request: Mapping[str, Any]) -> bytes:
            return answer

    result = render(version, Broken([base_file]), weights=(0.0,))
    assert "the webui sent no picture" in result.failed[0]


def test_a_webui_in_another_process_renders(
    version: Version, base_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the preview through the bridge to the webui's txt2img, with nothing in between left out."""
    webui = install(monkeypatch, folder=tmp_path / "webui").ready()
    webui.has_layers_of(next(version.trains.rglob("zorb-*.safetensors")))
    model = str(shutil.copy(base_file, webui.models / "Stable-diffusion" / "random.safetensors"))
    server = BridgeServer(Webui(), tmp_path, lambda: "wait")
    server.start()
    try:
        bridge = renderer_of(version.root)
        chosen = settings(prompts=PROMPTS[:1], base_models=(model,), sampler=("Euler a", "Restart"))
        result = preview(version, chosen, lambda _: None, bridge=bridge)
    finally:
        server.close()
    assert (result.rendered, result.renderer) == (4, "host")
    (told,) = result.failed
    assert told.startswith("the webui has no sampler 'Restart'")
    assert webui.loaded == "own.safetensors"  # put back
    found = {cell.key for cell in read_index(version).cells if cell.image}
    assert len(found) == 4
    assert renderer_of(version.root) is None


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ('{"layers": [260, 264]}', "260 of 264"),
        ('{"layers": [264, 264]}', None),
        ('{"layers": null}', None),
        ("", None),
    ],
)
def test_a_lora_of_which_a_part_was_applied_says_so(
    version: Version, base_file: Path, told: str, field: str | None
) -> None:
    """As a webui of Forge's kind tells it beside its infotext."""

    class Partly(Bridge):
        def render(self, request: Mapping[str, Any]) -> bytes:
            with Image.open(io.BytesIO(super().render(request))) as image:
                info, file = PngInfo(), io.BytesIO()
                info.add_itxt("parameters", image.info["parameters"])
                info.add_itxt("train-tools", told)
                image.save(file, "PNG", pnginfo=info)
            return file.getvalue()

    render(version, Partly([base_file]), weights=(1.0,), runs=("run-AdamW",))
    assert infotexts(version)["zorb-v1-1.safetensors 1.0"][2].get("LoRA layers") == field
