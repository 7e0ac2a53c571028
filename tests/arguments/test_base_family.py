"""The family of a base model from the head of its file alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import write_safetensors

from train_tools.arguments.base_family import base_family
from train_tools.small_models import base_model_file

UNET = "model.diffusion_model."
ATTENTION = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        ({ATTENTION: (320, 768)}, "sd"),
        ({ATTENTION: (320, 1024)}, "sd"),
        ({ATTENTION: (640, 2048), "conditioner.embedders.1.model.ln_final.weight": (1280,)}, "sdxl"),
        ({ATTENTION: (384, 1280), "conditioner.embedders.0.model.ln_final.weight": (1280,)}, "sdxl"),
        ({f"{UNET}joint_blocks.0.context_block.attn.qkv.weight": (64, 64)}, "sd3"),
        ({"double_blocks.0.img_attn.qkv.weight": (64, 64)}, "flux"),
        ({f"{UNET}double_blocks.0.img_attn.qkv.weight": (64, 64)}, "flux"),
        ({"cap_embedder.0.weight": (64,)}, "lumina"),
        ({"something.else": (1,)}, ""),
    ],
)
def test_families(tmp_path: Path, tensors: dict[str, tuple[int, ...]], family: str) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, tensors)
    assert base_family(path).name == family
    assert not base_family(path).predicts_velocity


def test_the_two_stable_diffusions_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {ATTENTION: (320, 768)})
    assert not base_family(path).is_v2
    write_safetensors(path, {ATTENTION: (320, 1024)})
    assert base_family(path).is_v2


def test_a_model_that_predicts_velocity_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {ATTENTION: (320, 768)}, {"modelspec.prediction_type": "v"})
    assert base_family(path).predicts_velocity
    write_safetensors(path, {ATTENTION: (320, 768), "v_pred": (1,)})
    assert base_family(path).predicts_velocity


def test_a_diffusers_folder(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    file = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    write_safetensors(file, {attention: (320, 768)})
    assert base_family(tmp_path).name == "sd"
    write_safetensors(file, {attention: (320, 2048), "add_embedding.linear_1.weight": (4, 4)})
    assert base_family(tmp_path).name == "sdxl"


def test_the_shipped_model_and_what_is_no_model(tmp_path: Path) -> None:
    assert base_family(base_model_file()).name == "sd"
    (tmp_path / "x.ckpt").write_bytes(b"PK")
    assert base_family(tmp_path / "x.ckpt").name == ""
    assert base_family(tmp_path / "missing.safetensors").name == ""
