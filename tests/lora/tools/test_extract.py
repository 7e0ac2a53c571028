"""A LoRA from the difference of two base models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lora.tools.made import Write, deltas, lora
from lora.tools.test_merge_into import stream_base
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from train_tools.base_model.convert import write_checkpoint, write_folder
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.loading import KINDS as FAMILIES
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import narrow
from train_tools.lora.tools.extract import extract
from train_tools.lora.tools.interface import CancelledError
from train_tools.lora.tools.merge_into import merge_into
from train_tools.lora.tools.modules import open_lora
from train_tools.lora.tools.weights import Weighted


@pytest.fixture(scope="module")
def tuned(base_file: Path, write: Write, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A LoRA of rank 4 with kernels, and the base model with it."""
    folder = tmp_path_factory.mktemp("tuned")
    path = write(folder / "lora.safetensors", 1, every=4)
    merge_into(base_file, [Weighted(path)], folder / "tuned.safetensors", dtype="fp32")
    return path, folder / "tuned.safetensors"


def apart(found: Path, expected: Path) -> float:
    own, other = deltas(found), deltas(expected)
    assert own.keys() == other.keys()
    return max(float((own[name] - one).norm() / one.norm()) for name, one in other.items())


@pytest.mark.parametrize("method", ["full", "randomised"])
def test_what_was_merged_comes_back(
    method: str, base_file: Path, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    done = extract(base_file, tuned[1], out, rank=4, conv_rank=4, method=method, dtype="fp32")
    assert apart(out, tuned[0]) < 1e-4
    assert done.kept == pytest.approx(1, abs=1e-5)
    assert {one.rank for one in open_lora(out).modules.values()} == {4}
    with safe_open(out, "pt") as file:
        said = file.metadata()
    assert (said["ss_network_dim"], said["ss_network_alpha"]) == ("4", "4")
    assert said["ss_base_model_version"] == "sd_v1"
    assert said["modelspec.architecture"] == "stable-diffusion-v1/lora"


def test_within_the_error_of_a_smaller_rank(
    base_file: Path, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    done = extract(base_file, tuned[1], out, rank=2, dtype="fp32")
    whole = deltas(tuned[0])
    for name, found in deltas(out).items():
        lost = torch.linalg.svdvals(whole[name])[2:].norm()
        assert float((found - whole[name]).norm()) == pytest.approx(float(lost), rel=1e-3)
        assert open_lora(out).modules[name].kernel(9) != (3, 3)  # left out without conv_rank
    assert 0.5 < done.least_kept < done.kept < 1


def test_as_many_as_hold_a_share(base_file: Path, tuned: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    done = extract(base_file, tuned[1], out, share=0.9, dtype="fp32")
    assert 0.9 <= done.least_kept <= done.kept < 1
    assert max(done.ranks) <= 4
    most = extract(base_file, tuned[1], tmp_path / "most.safetensors", share=0.9, rank=1, dtype="fp32")
    assert set(most.ranks) == {1}


def test_text_encoders_that_hardly_differ(base_file: Path, tuned: tuple[Path, Path], tmp_path: Path) -> None:
    both, alone = tmp_path / "both.safetensors", tmp_path / "alone.safetensors"
    assert not extract(base_file, tuned[1], both, rank=1).same_text
    assert extract(base_file, tuned[1], alone, rank=1, min_diff=100).same_text
    assert any(name.startswith("lora_te") for name in load_file(both))
    assert not any(name.startswith("lora_te") for name in load_file(alone))


@pytest.mark.parametrize("name", ["sd1", pytest.param("sdxl", marks=pytest.mark.thorough)])
def test_from_a_folder_to_a_file(name: str, tmp_path: Path) -> None:
    base = narrow.build(FAMILIES[name], 3)
    path = lora(base, tmp_path / "lora.safetensors", 4, every=11)
    write_checkpoint(base, tmp_path / "base.safetensors")
    write_folder(base, tmp_path / "base")
    merge_into(tmp_path / "base.safetensors", [Weighted(path)], tmp_path / "tuned.safetensors", dtype="fp32")
    out = tmp_path / "out.safetensors"
    extract(tmp_path / "base", tmp_path / "tuned.safetensors", out, rank=4, conv_rank=4, dtype="fp32")
    assert apart(out, path) < 1e-3


def test_of_a_transformer(tmp_path: Path) -> None:
    base = stream_base(tmp_path / "flux.safetensors")
    changed = {
        name: tensor + (torch.ones(len(tensor), 1) if tensor.dim() == 2 else 0)
        for name, tensor in base.items()
    }
    save_file(changed, tmp_path / "tuned.safetensors")
    out = tmp_path / "out.safetensors"
    extract(tmp_path / "flux.safetensors", tmp_path / "tuned.safetensors", out, rank=1, dtype="fp32")
    found = deltas(out)
    assert found.keys() == {
        f"lora_unet_{name}"
        for name in ("double_blocks_0_img_attn_qkv", "double_blocks_0_img_attn_proj", "double_blocks_0_img_mlp_0",
                     "single_blocks_0_linear1")
    }  # fmt: skip
    assert all(torch.allclose(one, torch.ones_like(one), atol=1e-5) for one in found.values())


def test_what_is_refused(base_file: Path, tuned: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    stream_base(tmp_path / "flux.safetensors")
    for other, options, match in (
        (tuned[1], {}, "say a rank, or the share"),
        (tuned[1], {"share": 1.5}, "must lie between 0 and 1"),
        (tuned[1], {"rank": 4, "method": "quick"}, "there is no method quick"),
        (base_file, {"rank": 4}, "are the same in all layers"),
        (tmp_path / "flux.safetensors", {"rank": 4}, "choose two of one family"),
        (tuned[0], {"rank": 4}, "is a LoRA"),
    ):
        with pytest.raises(UsageError, match=match):
            extract(base_file, other, out, **options)  # type: ignore[arg-type]
    with pytest.raises(CancelledError):
        extract(base_file, tuned[1], out, rank=4, cancelled=lambda: True)
    tensors = load_file(tuned[1])
    name = "model.diffusion_model.middle_block.1.proj_in.weight"
    save_file({**tensors, name: tensors[name] * float("nan")}, tmp_path / "nan.safetensors")
    with pytest.raises(TrainToolsError, match="aren't finite"):
        extract(base_file, tmp_path / "nan.safetensors", out, rank=4)
    assert not out.exists()
    assert load(base_file)
