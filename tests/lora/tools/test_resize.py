"""LoRAs brought to other ranks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lora.tools.made import Write, deltas, furthest, in_memory
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from train_tools.errors import TrainToolsError
from train_tools.lora.tools.interface import CancelledError
from train_tools.lora.tools.modules import open_lora
from train_tools.lora.tools.resize import Method, resize

# From a diagonal LoRA whose singular values these are.
VALUES = (8.0, 4.0, 2.0, 1.0)


@pytest.fixture
def diagonal(tmp_path: Path) -> Path:
    path = tmp_path / "diagonal.safetensors"
    up = torch.zeros(16, 4)
    up[:4] = torch.diag(torch.tensor(VALUES))
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_k"
    down = torch.eye(4, 12)
    save_file(
        {
            f"{layer}.lora_up.weight": up,
            f"{layer}.lora_down.weight": down,
            f"{layer}.alpha": torch.tensor(2.0),
        },
        path,
    )
    return path


@pytest.mark.parametrize(
    ("method", "value", "rank"),
    # One more than what the value asks for, as sd-scripts counts.
    [
        ("fixed", None, 2),
        ("sv_ratio", 5, 4),
        ("sv_ratio", 3, 3),
        ("sv_fro", 0.9, 3),
        ("sv_cumulative", 0.5, 2),
    ],
)
def test_by_each_method(
    method: Method, value: float | None, rank: int, diagonal: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    done = resize(diagonal, out, rank=2 if method == "fixed" else 4, method=method, value=value)
    assert done.ranks == (rank,)
    held = sum(one**2 for one in VALUES[:rank]) / sum(one**2 for one in VALUES)
    assert done.kept == pytest.approx(held**0.5)
    (found,), (whole,) = deltas(out).values(), deltas(diagonal).values()
    assert float((found - whole).norm()) == pytest.approx(0.5 * sum(one**2 for one in VALUES[rank:]) ** 0.5)
    with safe_open(out, "pt") as file:
        said = file.metadata()
    assert said["ss_network_dim"] == ("2" if method == "fixed" else "Dynamic")
    assert said["ss_training_comment"].startswith("resized from 4 ")
    alpha = next(one for name, one in load_file(out).items() if name.endswith("alpha"))
    assert float(alpha) == rank / 2  # in proportion


@pytest.mark.parametrize("kind", ["LoRA", "Tucker", "LoHa", "LoKr", "DoRA"])
def test_a_rank_that_holds_all_changes_nothing(
    kind: str, base_file: Path, write: Write, tmp_path: Path
) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1, kind, every=7), tmp_path / "out.safetensors"
    done = resize(path, out, rank=999)
    assert done.least_kept == pytest.approx(1)
    assert furthest(in_memory(base_file, (path, 1.0)), in_memory(base_file, (out, 1.0))) < 1e-4
    if kind == "LoRA":
        assert {one.rank for one in open_lora(out).modules.values()} == {4}


def test_convolutions_have_a_rank_of_their_own(write: Write, tmp_path: Path) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1), tmp_path / "out.safetensors"
    resize(path, out, rank=3, conv_rank=1, dtype="fp16")
    for module in open_lora(out).modules.values():
        assert module.rank == (1 if len(module.tensors["lora_down.weight"].shape) == 4 else 3)
    assert {one.dtype for one in load_file(out).values()} == {torch.float16}


def test_what_is_refused(diagonal: Path, write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    for options, match in (
        ({"method": "sv_fro"}, "sv_fro needs a value: a share between 0 and 1"),
        ({"method": "sv_ratio", "value": 0.5}, "sv_ratio needs a value above 1"),
        ({"method": "best"}, "there is no method best"),
        ({"rank": 0}, "rank must be 1 or more"),
    ):
        with pytest.raises(TrainToolsError, match=match):
            resize(diagonal, out, **{"rank": 2, **options})  # type: ignore[arg-type]
    with pytest.raises(CancelledError):
        resize(write(tmp_path / "lora.safetensors", 1), out, rank=2, cancelled=lambda: True)
    assert not out.exists()
    with pytest.raises(TrainToolsError, match="is there already"):
        resize(diagonal, diagonal, rank=2)
