"""LoRAs merged into a base model: its files are what the renderer makes of the model in memory."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from lora.tools.made import KINDS, Write, furthest, in_memory, lora, weights
from preview.test_packed_kinds import pictures
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from train_tools.base_model.convert import write_checkpoint, write_folder
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.loading import KINDS as FAMILIES
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora.tools import streaming
from train_tools.lora.tools.interface import CancelledError
from train_tools.lora.tools.merge_into import merge_into
from train_tools.lora.tools.weights import Weighted
from train_tools.small_models import base_model_file

EXACT = 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_the_weights_of_the_model_in_memory(
    kind: str, base_file: Path, write: Write, tmp_path: Path
) -> None:
    path = write(tmp_path / "lora.safetensors", 1, kind, every=3)
    out = tmp_path / "merged.safetensors"
    assert merge_into(base_file, [Weighted(path, 0.7)], out, dtype="fp32").layers > 80
    assert furthest(weights(load(out)), in_memory(base_file, (path, 0.7))) < EXACT


@pytest.mark.parametrize("kind", ["LoRA", "DoRA"])
def test_it_draws_as_the_lora_in_the_prompt_does(kind: str, tmp_path: Path) -> None:
    base_file = base_model_file()
    path = lora(load(base_file), tmp_path / "lora.safetensors", 2, kind, every=2, size=0.3)
    out = tmp_path / "merged.safetensors"
    merge_into(base_file, [Weighted(path)], out, dtype="fp32")
    (expected, plain) = pictures(path, base_file, [(1.0, 1.0, ""), (0.0, 0.0, "")])
    (found,) = pictures(path, out, [(0.0, 0.0, "")])
    apart = np.abs(np.int16(expected) - np.int16(found)).max()  # type: ignore[arg-type]
    assert apart <= 1
    assert np.abs(np.int16(plain) - np.int16(found)).max() > 20  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["sd2", pytest.param("sdxl", marks=pytest.mark.thorough)])
def test_each_family_as_a_file_and_as_a_folder(name: str, tmp_path: Path) -> None:
    base = narrow.build(FAMILIES[name], 3)
    path = lora(base, tmp_path / "lora.safetensors", 4, every=11)
    file, folder = tmp_path / "base.safetensors", tmp_path / "base"
    write_checkpoint(base, file)
    write_folder(base, folder)
    expected = in_memory(file, (path, 1.0))
    for source, out in ((file, tmp_path / "merged.safetensors"), (folder, tmp_path / "merged")):
        merge_into(source, [Weighted(path)], out, dtype="fp32")
        assert furthest(weights(load(out)), expected) < EXACT
    assert {one.name for one in folder.rglob("*")} == {one.name for one in (tmp_path / "merged").rglob("*")}


def test_several_at_once_with_weights_of_their_own(base_file: Path, write: Write, tmp_path: Path) -> None:
    one, other = (
        write(tmp_path / f"{n}.safetensors", n, kind, every=5) for n, kind in ((1, "LoRA"), (2, "LoHa"))
    )
    out = tmp_path / "both.safetensors"
    merge_into(base_file, [Weighted(one, 0.5), Weighted(other, -1.0)], out, dtype="fp32")
    assert furthest(weights(load(out)), in_memory(base_file, (one, 0.5), (other, -1.0))) < EXACT
    with safe_open(out, "pt") as file:
        assert file.metadata()["modelspec.merged_from"] == "random, 1, 2"


def test_weights_of_the_text_encoder_and_of_blocks(base_file: Path, write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "lora.safetensors", 1)
    plain, whole = weights(load(base_file)), in_memory(base_file, (path, 1.0))
    for number, blocks in enumerate(("IN01=0, mid_block=0.5", "0," + ",".join(["1"] * 16), "OUTALL")):
        out = tmp_path / f"{number}.safetensors"
        merge_into(base_file, [Weighted(path, text_weight=0.25, blocks=blocks)], out, dtype="fp32")
        found = weights(load(out))
        share = {
            name: float((found[name] - plain[name]).norm() / (whole[name] - plain[name]).norm())
            for name in (
                "text 0.encoder.layers.0.mlp.fc1.weight", "unet.mid_block.attentions.0.proj_in.weight",
                "unet.down_blocks.0.attentions.0.proj_in.weight", "unet.up_blocks.3.attentions.0.proj_in.weight",
            )
        }  # fmt: skip
        expected = ([0.25, 0.5, 0, 1], [0, 1, 1, 1], [0.25, 0, 0, 1])[number]
        assert list(share.values()) == pytest.approx(expected, abs=1e-4)


def test_a_precision(base_file: Path, write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "lora.safetensors", 1, every=20)
    expected = in_memory(base_file, (path, 1.0))
    for name, dtype, error in (
        ("fp16", torch.float16, 1e-3),
        ("bf16", torch.bfloat16, 1e-2),
        (None, torch.float16, 1e-3),
    ):
        out = tmp_path / f"{name}.safetensors"
        merge_into(base_file, [Weighted(path)], out, dtype=name)
        assert {one.dtype for one in load_file(out).values()} == {dtype}
        assert furthest(weights(load(out)), expected) < error * 4
    with pytest.raises(UsageError, match="choose fp16, bf16 or fp32"):
        merge_into(base_file, [Weighted(path)], tmp_path / "no.safetensors", dtype="int4")


def stream_base(path: Path, prefix: str = "", width: int = 8) -> dict[str, torch.Tensor]:
    """FLUX.1's names, narrow."""
    random = torch.Generator().manual_seed(5)
    shapes = {
        "double_blocks.0.img_attn.qkv": (3 * width, width), "double_blocks.0.img_attn.proj": (width, width),
        "double_blocks.0.img_mlp.0": (4 * width, width), "single_blocks.0.linear1": (7 * width, width),
        "img_in": (width, 64), "time_in.in_layer": (width, 4), "guidance_in.in_layer": (width, 4),
    }  # fmt: skip
    tensors = {
        f"{prefix}{name}.weight": torch.randn(*shape, generator=random) for name, shape in shapes.items()
    }
    tensors |= {f"{prefix}double_blocks.0.img_attn.qkv.bias": torch.zeros(3 * width)}
    save_file(tensors, path)
    return tensors


def test_a_transformer_in_the_words_of_kohya_peft_and_comfyui(tmp_path: Path) -> None:
    base = stream_base(tmp_path / "flux.safetensors", "model.diffusion_model.")
    up, down = torch.randn(24, 2), torch.randn(2, 8)
    key = "model.diffusion_model.double_blocks.0.img_attn.qkv.weight"
    forms = {
        "kohya": {
            "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight": up,
            "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": down,
            "lora_unet_double_blocks_0_img_attn_qkv.alpha": torch.tensor(1.0),
        },
        "comfy": {
            "diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight": up / 2,
            "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight": down,
        },
        "peft": {
            "transformer.double_blocks.0.img_attn.qkv.lora_B.weight": up,
            "transformer.double_blocks.0.img_attn.qkv.lora_A.weight": down,
        },
    }
    for name, tensors in forms.items():
        alpha = (
            {"lora_adapter_metadata": '{"transformer.lora_alpha": 1, "transformer.r": 2}'}
            if name == "peft"
            else None
        )
        save_file(tensors, tmp_path / f"{name}-lora.safetensors", alpha)
        out = tmp_path / f"{name}.safetensors"
        merge_into(tmp_path / "flux.safetensors", [Weighted(tmp_path / f"{name}-lora.safetensors")], out)
        found = load_file(out)
        torch.testing.assert_close(found[key], base[key] + up @ down / 2)
        assert all(torch.equal(found[other], tensor) for other, tensor in base.items() if other != key)


def test_text_encoders_that_a_file_lacks_are_said(tmp_path: Path) -> None:
    stream_base(tmp_path / "flux.safetensors")
    tensors = {}
    for layer, inputs in (("lora_unet_img_in", 64), ("lora_te1_text_model_encoder_layers_0_mlp_fc1", 8)):
        tensors |= {
            f"{layer}.lora_up.weight": torch.ones(8, 2),
            f"{layer}.lora_down.weight": torch.ones(2, inputs),
        }
    save_file(tensors, tmp_path / "lora.safetensors", {"ss_base_model_version": "flux1"})
    done = merge_into(
        tmp_path / "flux.safetensors", [Weighted(tmp_path / "lora.safetensors")], tmp_path / "o.safetensors"
    )
    assert done.layers == 1
    assert "changes 1 layers of text encoders that flux.safetensors doesn't hold" in done.notes[0]


def test_what_is_refused(base: BaseModel, base_file: Path, write: Write, tmp_path: Path) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1, every=30), tmp_path / "out.safetensors"

    def refused(
        match: str, given: Path = path, to: Path = out, source: Path = base_file, **options: object
    ) -> None:
        before = sorted(tmp_path.iterdir())
        with pytest.raises(TrainToolsError, match=match):
            merge_into(source, [Weighted(given)], to, **options)  # type: ignore[arg-type]
        assert sorted(tmp_path.iterdir()) == before

    refused("is there already", to=path)
    refused("let out.ckpt end in .safetensors", to=tmp_path / "out.ckpt")
    refused("is missing", source=tmp_path / "none.safetensors")
    wide = lora(narrow.build(FAMILIES["sdxl"], 1), tmp_path / "xl.safetensors", 1, every=50)
    refused(
        "is a LoRA of Stable Diffusion XL, and random.safetensors a base model of Stable Diffusion 1", wide
    )
    for name, content, match in (
        ("empty", b"", "empty"),
        ("text", b"hello", "no safetensors file|a text"),
        ("huge", (1 << 40).to_bytes(8, "little") + b"{}", "safetensors"),
        ("pickle", b"\x80\x02}q\x00.", "pickle"),
    ):
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        refused(match, tmp_path / f"{name}.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:-5])
    refused("cut off", tmp_path / "cut.safetensors")
    refused("is no LoRA: it holds", base_file)
    tensors = load_file(path)
    first = next(name for name in tensors if name.endswith("lora_up.weight"))
    save_file({**tensors, first: tensors[first] * float("nan")}, tmp_path / "nan.safetensors")
    refused("aren't finite", tmp_path / "nan.safetensors")
    save_file({name: one for name, one in tensors.items() if name != first}, tmp_path / "half.safetensors")
    refused("isn't whole", tmp_path / "half.safetensors")
    save_file({**tensors, first: tensors[first][:-1].clone()}, tmp_path / "other.safetensors")
    refused("is of another size", tmp_path / "other.safetensors")
    save_file({**tensors, first: tensors[first] * 1e6}, tmp_path / "large.safetensors")
    refused("too large for float16", tmp_path / "large.safetensors")


def test_a_disk_that_is_too_small_or_full(
    base_file: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1, every=30), tmp_path / "out.safetensors"
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(UsageError, match=r"MB free; make room"):
        merge_into(base_file, [Weighted(path)], out)
    monkeypatch.undo()
    monkeypatch.setattr(streaming, "_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        merge_into(base_file, [Weighted(path)], out)
    assert sorted(tmp_path.iterdir()) == [path]


def full(_: torch.Tensor) -> memoryview:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("is_folder", [False, True])
def test_cancelled_nothing_is_left(
    is_folder: bool, base: BaseModel, base_file: Path, write: Write, tmp_path: Path
) -> None:
    path = write(tmp_path / "lora.safetensors", 1, every=30)
    if is_folder:
        base_file = tmp_path / "base"
        write_folder(base, base_file)
    before, told = sorted(tmp_path.iterdir()), []
    with pytest.raises(CancelledError):
        merge_into(
            base_file, [Weighted(path)], tmp_path / ("out" if is_folder else "out.safetensors"),
            progress=lambda done, of, _: told.append(done / of), cancelled=lambda: len(told) == 20,
        )  # fmt: skip
    assert sorted(tmp_path.iterdir()) == before
    assert told == sorted(told)
    assert 0 < told[-1] < 1


KILLED = """
import sys, os, signal
from pathlib import Path
from train_tools.lora.tools.merge_into import merge_into
from train_tools.lora.tools.weights import Weighted
def told(done, of, what):
    if done > of / 2:
        os.kill(os.getpid(), signal.SIGKILL)
merge_into(Path(sys.argv[1]), [Weighted(Path(sys.argv[2]))], Path(sys.argv[3]), progress=told)
"""


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="kills as Linux does")
def test_killed_in_the_middle_there_is_no_file(base_file: Path, write: Write, tmp_path: Path) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1, every=30), tmp_path / "out.safetensors"
    done = subprocess.run([sys.executable, "-c", KILLED, str(base_file), str(path), str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    merge_into(base_file, [Weighted(path)], out)
    assert load(out)
