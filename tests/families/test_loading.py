"""What is loaded is whole: names as people's files have them, a VAE from elsewhere, nothing filled in."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from train_tools.base_model.convert import convert
from train_tools.errors import UsageError
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import names
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

VAE = "first_stage_model."


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(base_model_file())


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return load(base_model_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    convert(base_model_file(), tmp_path / "model")
    return tmp_path / "model"


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name].half(), states[1][name].half()) for name in states[1])


def beside(path: Path) -> Path:
    """The sizes that no tensor tells stand in a `.yaml`, which goes with the model."""
    path.with_suffix(".yaml").write_text(base_model_file().with_suffix(".yaml").read_text())
    return path


def test_novelais_names(tensors: dict[str, Tensor], base: BaseModel, tmp_path: Path) -> None:
    file = beside(tmp_path / "nai.safetensors")
    save_file(
        {name.replace("transformer.text_model.", "transformer."): t for name, t in tensors.items()}, file
    )
    assert same(load(file).text_encoders[0], base.text_encoders[0])


def vae_files(tensors: dict[str, Tensor], folder: Path) -> Iterator[Path]:
    """The same VAE as people keep one."""
    own = {name.removeprefix(VAE): tensor for name, tensor in tensors.items() if name.startswith(VAE)}
    save_file(own, folder / "own.safetensors")
    yield folder / "own.safetensors"
    save_file({VAE + name: tensor for name, tensor in own.items()}, folder / "prefix.safetensors")
    yield folder / "prefix.safetensors"
    torch.save({"state_dict": own}, folder / "own.vae.pt")
    yield folder / "own.vae.pt"
    yield base_model_file()  # a whole checkpoint
    convert(base_model_file(), folder / "diffusers")
    yield folder / "diffusers"
    yield folder / "diffusers" / "vae"
    yield folder / "diffusers" / "vae" / "diffusion_pytorch_model.safetensors"
    now = load_file(folder / "diffusers" / "vae" / "diffusion_pytorch_model.safetensors")
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, before in old.items():
        now = {name.replace(f".{new}.", f".{before}."): tensor for name, tensor in now.items()}
    save_file(now, folder / "before.safetensors")
    yield folder / "before.safetensors"


def test_a_vae_from_another_file(tensors: dict[str, Tensor], base: BaseModel, tmp_path: Path) -> None:
    file = beside(tmp_path / "novae.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith(VAE)}, file)
    with pytest.raises(UsageError, match=r"novae\.safetensors has no VAE in it.*give its VAE as vae"):
        load(file)
    for vae in vae_files(tensors, tmp_path):
        found = load(file, vae=vae)
        assert same(found.vae, base.vae), vae
        assert same(found.unet, base.unet)
    with pytest.raises(UsageError, match="is no VAE"):
        load(file, vae=file)


def test_a_vae_instead_of_the_models_own(tensors: dict[str, Tensor], folder: Path, tmp_path: Path) -> None:
    other = {name: tensor + 1 for name, tensor in tensors.items() if name.startswith(VAE)}
    save_file(other, tmp_path / "other.safetensors")
    name = "decoder.conv_in.weight"
    for base in (base_model_file(), folder):
        found = load(base, vae=tmp_path / "other.safetensors")
        assert torch.equal(found.vae.state_dict()[name].half(), other[names.vae_name(name)].half())


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_training_kept_more_than_weights(
    tensors: dict[str, Tensor],
    base: BaseModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_legacy: bool,
) -> None:
    """Stable Diffusion 1.4's own file names a class of pytorch_lightning, which isn't installed here."""
    lightning = types.ModuleType("pytorch_lightning")
    monkeypatch.setitem(sys.modules, "pytorch_lightning", lightning)
    lightning.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning"})  # type: ignore[attr-defined]
    file = beside(tmp_path / "sd.ckpt")
    content = {"state_dict": tensors, "callbacks": {lightning.ModelCheckpoint: {"best": 1}}}
    torch.save(content, file, _use_new_zipfile_serialization=not is_legacy)
    monkeypatch.delitem(sys.modules, "pytorch_lightning")
    assert same(load(file).unet, base.unet)


def test_a_pickle_that_would_run_code(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    file = tmp_path / "evil.ckpt"
    torch.save({"state_dict": tensors, "hook": Path("x")}, file)
    with pytest.raises(UsageError, match="would run Python code of its own"):
        load(file)


def test_a_folder_is_loaded_whole(folder: Path, base: BaseModel) -> None:
    found = load(folder)
    assert same(found.unet, base.unet)
    assert found.tokenizers[0]("a red cat").input_ids == base.tokenizers[0]("a red cat").input_ids


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_tensor_that_is_missing_isnt_made_up(folder: Path, part: str) -> None:
    (file,) = (folder / part).glob("*.safetensors")
    tensors = load_file(file)
    tensors.pop(next(name for name in tensors if name.endswith(".weight")))
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UsageError, match=rf"{part} lacks 1 tensors"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tokenizer/vocab.json", "no vocabulary"),
        ("tokenizer/merges.txt", "no vocabulary"),
        ("unet/config.json", r"has no config\.json"),
        ("text_encoder/config.json", r"has no config\.json"),
    ],
)
def test_a_file_that_is_missing_isnt_made_up(folder: Path, name: str, words: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match=words):
        load(folder)


def test_a_tokenizer_of_two_words(folder: Path) -> None:
    """As transformers makes one of files that are there and say nothing."""
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps({"<|startoftext|>": 0, "<|endoftext|>": 1}))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(UsageError, match=r"has \d words, and the text encoder knows"):
        load(folder)


def test_variants(folder: Path, base: BaseModel) -> None:
    for file in folder.glob("*/*.safetensors"):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    found = load(folder)
    assert same(found.unet, base.unet)
    assert same(found.text_encoders[0], base.text_encoders[0])
