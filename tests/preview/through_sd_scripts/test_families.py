"""Every family with every network module that its trainer knows: the real sd-scripts on narrow models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from preview.through_sd_scripts.asked import Drawer, cell, checkpoint
from preview.through_sd_scripts.conftest import Workshop
from safetensors.torch import load_file, save_file

from train_tools.families.detect import detect
from train_tools.preview.cells import Run
from train_tools.preview.through_sd_scripts.client import Client

pytestmark = [pytest.mark.real_sd_scripts, pytest.mark.slow, pytest.mark.timeout(900)]

LYCORIS = "lycoris.kohya"
# LyCORIS' own presets know no layers of these two, so that people write one.
PRESETS = {
    "anima": ('["Block"]', '["Qwen3Attention", "Qwen3MLP"]'),
    "lumina": ('["JointTransformerBlock"]', '["Gemma2Attention", "Gemma2MLP"]'),
}
TEXTS = "texts=1"
# Family -> network modules, each with its options.
NETWORKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "flux": (
        ("networks.lora_flux",), ("networks.lora_flux", TEXTS, "train_t5xxl=True"),
        ("networks.oft_flux", "alpha=0.01"), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha", TEXTS),
        (LYCORIS, "algo=full"), (LYCORIS, "algo=locon", "dora_wd=True"), (LYCORIS, "algo=diag-oft"),
        (LYCORIS, "algo=glora"),
    ),
    "chroma": (("networks.lora_flux",), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha")),
    "sd3": (("networks.lora_sd3", TEXTS), (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha")),
    "lumina": (("networks.lora_lumina", TEXTS), (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha")),
    "hunyuan_image": (("networks.lora_hunyuan_image",), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha")),
    "anima": (
        ("networks.lora_anima", TEXTS), ("networks.lora_anima", "train_llm_adapter=True"),
        (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha"),
    ),
}  # fmt: skip


def networks(workshop: Workshop, family: str) -> list[tuple[str, ...]]:
    """With the preset that a family's LyCORIS needs."""
    preset = "attn-mlp"
    if family in PRESETS:
        preset = str(workshop.folder / f"{family}.toml")
        transformer, texts = PRESETS[family]
        Path(preset).write_text(
            f"enable_conv = false\nunet_target_module = {transformer}\nunet_target_name = []\n"
            f"text_encoder_target_module = {texts}\ntext_encoder_target_name = []\n"
        )
    return [(*words, f"preset={preset}") if words[0] == LYCORIS else words for words in NETWORKS[family]]


@pytest.mark.parametrize("family", NETWORKS)
def test_a_lora_changes_a_picture_by_its_weights_and_leaves_no_trace(
    workshop: Workshop, drawer: Drawer, family: str
) -> None:
    run = workshop.run(family)
    assert detect(run.base_model).family.name == family
    wanted = networks(workshop, family)
    files = [checkpoint(run, path) for path in workshop.loras(family, wanted)]
    base = [cell(files[0], weight=0.0), cell(files[0], weight=0.0, seed=2)]
    weighed = [
        [
            cell(of, weight=0.5),
            cell(of, weight=1.0),
            cell(of, weight=1.0),
            cell(of, weight_unet=1.0),
            cell(of, weight_te=1.0),
        ]
        for of in files
    ]
    drawn = iter(drawer.draw([*base, *(one for row in weighed for one in row)]))
    plain, other_seed = next(drawn), next(drawn)
    assert not np.array_equal(plain, other_seed)
    for words, row in zip(wanted, weighed, strict=True):
        half, whole, again, transformer, texts = (next(drawn) for _ in row)
        assert np.array_equal(whole, again), words
        assert not any(np.array_equal(plain, changed) for changed in (half, whole, transformer)), words
        assert not np.array_equal(half, whole), words
        assert np.array_equal(plain, texts) == (TEXTS not in words), words
        assert np.array_equal(whole, transformer) == (TEXTS not in words), words


@pytest.mark.parametrize("family", ["flux", "sd3", "hunyuan_image"])
def test_nothing_of_a_lora_is_left_on_the_model(workshop: Workshop, drawer: Drawer, family: str) -> None:
    """The base model alone, in one process, before and after each kind of network: equal to the last byte."""
    picture = {"width": 64, "height": 64, "seed": 1, "steps": 2, "cfg_scale": 1.0}
    plain = {"number": 0, "picture": picture, "prompt": "zorb", "negative_prompt": ""}
    wanted = networks(workshop, family)
    files = workshop.loras(family, wanted)
    pngs = []
    with Client(workshop.checkout, drawer.log) as client:
        client.ask(do="load", family=family, arguments=workshop.models(family))
        for words, path in zip(wanted, files, strict=True):
            lora = {"lora": str(path), "module": words[0], "weight_unet": 1.0, "weight_te": 1.0}
            for asked in (plain, {**plain, **lora}):
                client.ask(do="draw", cells=[asked])
        client.ask(do="draw", cells=[plain])
        answers = client.answers()
        while len(pngs) < 2 * len(wanted) + 1:
            answer = next(answers)
            pngs += [answer["png"]] if "drawn" not in answer else []
    assert len(set(pngs[::2])) == 1
    assert pngs[0] not in pngs[1::2]


PRECISIONS = (
    {"mixed_precision": "bf16"},
    {"mixed_precision": "bf16", "fp8_base": True},
    {"mixed_precision": "bf16", "fp8_scaled": True, "fp8_vl": True},
)


@pytest.mark.parametrize("family", NETWORKS)
def test_in_the_precision_that_the_run_trained_in(workshop: Workshop, drawer: Drawer, family: str) -> None:
    (network, *_) = networks(workshop, family)
    (path,) = workshop.loras(family, [network])
    for precision in PRECISIONS:
        of = checkpoint(workshop.run(family, **precision), path)
        base, whole = drawer.draw([cell(of, weight=0.0), cell(of, weight=1.0)])
        assert not np.array_equal(base, whole), precision


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_a_text_encoder_whose_file_is_fp8(
    workshop: Workshop, drawer: Drawer, family: str, tmp_path: Path
) -> None:
    """As most people's T5-XXL is. Its texts are near those of the whole one."""
    whole = workshop.models(family)["t5xxl"]
    small = tmp_path / "t5xxl_fp8_e4m3fn.safetensors"
    save_file({name: value.to(torch.float8_e4m3fn) for name, value in load_file(whole).items()}, small)
    pictures = []
    for file in (whole, small):
        run = workshop.run(family, mixed_precision="bf16", fp8_base=True, t5xxl=str(file))
        pictures += drawer.draw([cell(checkpoint(run, tmp_path), weight=0.0)])
    assert not np.array_equal(*pictures)
    assert np.corrcoef(*(picture.ravel() for picture in pictures))[0, 1] > 0.8


def test_schnell_is_told_no_guidance(workshop: Workshop, drawer: Drawer, tmp_path: Path) -> None:
    run = workshop.run("schnell")
    assert detect(run.base_model).title == "FLUX.1 schnell"
    of = checkpoint(run, tmp_path)
    pictures = drawer.draw(
        [cell(of, cfg_scale=1.0), cell(of, cfg_scale=1.0, guidance=1.0), cell(of, cfg_scale=3.0)]
    )
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize("family", NETWORKS)
def test_shift_moves_the_noise_levels(
    workshop: Workshop, drawer: Drawer, family: str, tmp_path: Path
) -> None:
    of = checkpoint(workshop.run(family), tmp_path)
    own, more = drawer.draw([cell(of, shift=None), cell(of, shift=9.0)])
    assert not np.array_equal(own, more)


def test_text_encoders_inside_a_checkpoint(workshop: Workshop, drawer: Drawer, tmp_path: Path) -> None:
    """Stable Diffusion 3's file may hold all of it."""
    apart = workshop.models("sd3")
    whole = tmp_path / "sd3.5_medium_incl_clips_t5xxl.safetensors"
    tensors = load_file(apart["pretrained_model_name_or_path"])
    for name in ("clip_l", "clip_g", "t5xxl"):
        tensors |= {
            f"text_encoders.{name}.transformer.{key}": v for key, v in load_file(apart.pop(name)).items()
        }
    save_file(tensors, whole)
    one = Run(tmp_path, {**apart, "pretrained_model_name_or_path": str(whole)})
    pictures = [drawer.draw([cell(checkpoint(run, tmp_path))])[0] for run in (workshop.run("sd3"), one)]
    assert np.array_equal(*pictures)
