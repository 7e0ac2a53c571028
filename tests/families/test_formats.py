"""The same model as people's files have it: precisions, names, without a VAE, pickled, in pieces, with its noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from execution.fake_engine import write_safetensors
from families.conftest import LOADED
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.model_loading import hollow, measured
from train_tools.base_model.convert import convert
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import Prediction
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel, Sizes

VAE = "first_stage_model."
FLUX = {"double_blocks.0.img_attn.qkv.weight": (8, 8)}
XL_TEXT, XL_TEXT_2 = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."


@pytest.fixture(scope="session")
def xl(narrow_files: dict[str, Path]) -> dict[str, Tensor]:
    return load_file(narrow_files["sdxl"])


@pytest.fixture(scope="session")
def base(narrow_files: dict[str, Path]) -> BaseModel:
    return load(narrow_files["sdxl"])


def modules(base: BaseModel) -> list[torch.nn.Module]:
    return [base.unet, base.vae, *base.text_encoders]


def differences(one: BaseModel, other: BaseModel) -> list[str]:
    found = []
    for mine, theirs in zip(modules(one), modules(other), strict=True):
        states = mine.state_dict(), theirs.state_dict()
        found += [
            name for name in states[1] if not torch.equal(states[0][name].float(), states[1][name].float())
        ]
    return found


@pytest.mark.parametrize("family", LOADED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_precisions(narrow_files: dict[str, Path], family: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """What a file has been rounded to is what is loaded, in the precision that is asked for."""
    rounded = {name: tensor.to(dtype) for name, tensor in load_file(narrow_files[family]).items()}
    save_file(rounded, tmp_path / "rounded.safetensors")
    found = load(tmp_path / "rounded.safetensors", dtype=torch.bfloat16, vae_dtype=torch.float32)
    assert {p.dtype for module in (found.unet, *found.text_encoders) for p in module.parameters()} == {
        torch.bfloat16
    }
    assert {p.dtype for p in found.vae.parameters()} == {torch.float32}
    assert not any(p.requires_grad or p.is_meta for module in modules(found) for p in module.parameters())
    assert not any(module.training for module in modules(found))
    name = f"{VAE}decoder.conv_in.weight"
    assert torch.equal(found.vae.state_dict()["decoder.conv_in.weight"], rounded[name].float())
    name = "model.diffusion_model.input_blocks.0.0.weight"
    assert torch.equal(found.unet.state_dict()["conv_in.weight"], rounded[name].to(torch.bfloat16))


@pytest.mark.parametrize("family", LOADED)
def test_a_file_without_a_vae(narrow_files: dict[str, Path], family: str, tmp_path: Path) -> None:
    tensors = load_file(narrow_files[family])
    file = tmp_path / "novae.safetensors"
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith(VAE)}, file)
    with pytest.raises(UsageError, match=r"novae\.safetensors has no VAE in it"):
        load(file)
    vae = tmp_path / "vae.safetensors"
    save_file({name.removeprefix(VAE): t for name, t in tensors.items() if name.startswith(VAE)}, vae)
    assert differences(load(file, vae=vae), load(narrow_files[family])) == []
    save_file({"decoder.conv_in.weight": torch.zeros(4, 4, 3, 3)}, vae)
    with pytest.raises(UsageError, match=r"the VAE .*vae\.safetensors lacks first_stage_model"):
        load(file, vae=vae)
    lacking = {name.removeprefix(VAE): t for name, t in tensors.items() if name.startswith(VAE)}
    lacking.pop("encoder.conv_out.bias")
    save_file(lacking, vae)
    with pytest.raises(UsageError, match=r"vae\.safetensors lacks 1 tensors"):
        load(file, vae=vae)


def test_the_other_names_of_text_encoders(xl: dict[str, Tensor], base: BaseModel, tmp_path: Path) -> None:
    """As NovelAI's files have the first, and as the second's projection lies in what was saved anew."""
    file = tmp_path / "names.safetensors"
    tensors = {name.replace(f"{XL_TEXT}text_model.", XL_TEXT): tensor for name, tensor in xl.items()}
    projection = tensors.pop(f"{XL_TEXT_2}text_projection")
    tensors[f"{XL_TEXT_2}text_projection.weight"] = projection.T.contiguous()
    # What others leave in a file besides.
    tensors[f"{XL_TEXT}text_model.embeddings.position_ids"] = torch.arange(77)
    tensors[f"{XL_TEXT_2}logit_scale"] = torch.tensor(4.6)
    tensors["model_ema.decay"] = torch.tensor(0.9)
    save_file(tensors, file)
    assert differences(load(file), base) == []


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_pickle(xl: dict[str, Tensor], base: BaseModel, tmp_path: Path, is_legacy: bool) -> None:
    file = tmp_path / "model.ckpt"
    torch.save({"state_dict": xl, "global_step": 1}, file, _use_new_zipfile_serialization=not is_legacy)
    assert differences(load(file), base) == []


def test_a_folder_in_fp16_and_in_pieces(
    narrow_files: dict[str, Path], base: BaseModel, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    convert(narrow_files["sdxl"], folder)
    for file in folder.glob("*/*.safetensors"):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    file = folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(file)
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        save_file(
            {name: tensors[name] for name in part},
            file.with_name(f"diffusion_pytorch_model.fp16-0000{number}-of-00002.safetensors"),
        )
    file.unlink()
    assert differences(load(folder), base) == []


def test_the_noise_that_it_was_trained_on(xl: dict[str, Tensor], tmp_path: Path) -> None:
    """Said by the file, or by whoever loads it."""
    plain, file = tmp_path / "plain.safetensors", tmp_path / "v.safetensors"
    save_file(xl, plain)
    save_file({**xl, "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, file)
    convert(file, tmp_path / "folder")
    convert(tmp_path / "folder", tmp_path / "back.safetensors")

    def of(path: Path, prediction: Prediction = "", zero_snr: bool | None = None) -> tuple[str, bool]:
        found = load(path, prediction=prediction, zero_snr=zero_snr)
        assert found.noise["prediction_type"] == {"v": "v_prediction"}.get(found.prediction, "epsilon")
        assert found.noise.get("rescale_betas_zero_snr", False) == found.zero_snr
        return found.prediction, found.zero_snr

    assert of(plain) == ("epsilon", False)
    assert of(plain, "v", zero_snr=True) == ("v", True)
    for path in (file, tmp_path / "folder", tmp_path / "back.safetensors"):
        assert of(path) == ("v", True)
    assert of(file, "epsilon", zero_snr=False) == ("epsilon", False)
    scheduler = json.loads((tmp_path / "folder/scheduler/scheduler_config.json").read_text())
    assert (scheduler["prediction_type"], scheduler["rescale_betas_zero_snr"]) == ("v_prediction", True)
    plain.with_suffix(".yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    assert of(plain) == ("v", False)


def test_what_isnt_loaded_here(narrow_files: dict[str, Path], xl: dict[str, Tensor], tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    write_safetensors(file, FLUX, {})
    with pytest.raises(UsageError, match=r"is a FLUX\.1 model, which our own programs don't load"):
        load(file)
    with pytest.raises(UsageError, match=r"lacks .*get the whole checkpoint"):
        load(narrow_files["sd1"], family="sdxl")
    save_file({name: tensor for name, tensor in xl.items() if ".middle_block.1." not in name}, file)
    with pytest.raises(UsageError, match=r"lacks .* tensors .*mid_block\.attentions"):
        load(file)
    other = {**xl, "model.diffusion_model.middle_block.0.out_layers.3.weight": torch.zeros(64, 64, 3, 3)}
    save_file(other, file)
    with pytest.raises(UsageError, match="another size"):
        load(file)
    file.write_bytes(narrow_files["sdxl"].read_bytes()[:-1000])
    with pytest.raises(UsageError, match="cut off"):
        load(file)


@pytest.mark.thorough  # `benchmarks.model_loading` shows it at full size
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is counted as Linux does")
@pytest.mark.parametrize("dtype", ["float16"])
def test_loading_needs_room_for_the_model_and_one_tensor(tmp_path: Path, dtype: str) -> None:
    """A checkpoint of half a gigabyte with all layers; its numbers aren't on the disk. 40 MB are Python's own: modules
    and the file's head.
    """
    sizes = Sizes((96, 192, 384), (0, 2, 10), ((256, 12), (512, 32)), (64, 128, 256, 256))
    file = hollow(tmp_path / "hollow.safetensors", sizes)
    found = measured(file, dtype)
    assert detect(file).family is not None
    assert found["model"] > 5e8
    assert found["peak"] <= found["model"] + found["largest"] + 40e6
