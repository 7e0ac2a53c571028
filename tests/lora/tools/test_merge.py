"""Several LoRAs made into one: it changes each layer by the sum of what they change it by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lora.tools.made import Write, deltas, furthest, in_memory
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from train_tools.errors import TrainToolsError, UsageError
from train_tools.lora.kohya import model_hashes
from train_tools.lora.tools.merge import merge
from train_tools.lora.tools.modules import open_lora
from train_tools.lora.tools.weights import Weighted

TRAINERS = Path(__file__).parents[1] / "trainers_kinds.safetensors"  # what the trainers themselves saved
# Their layers, and ours of the same sizes: names tell which is a kernel.
LAYERS = {
    "linear": "lora_unet_mid_block_proj",
    "point": "lora_unet_conv_shortcut",
    "kernel": "lora_unet_resnets_0_conv1",
}


def apart(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Of the norm of each layer, the most."""
    assert found.keys() == expected.keys()
    return max(float((found[name] - one).norm() / one.norm()) for name, one in expected.items())


def test_exactly_side_by_side(base_file: Path, write: Write, tmp_path: Path) -> None:
    """Kernels, Tucker's form and differing ranks among them; in a base model it does what all of them do."""
    files = [
        (write(tmp_path / "one.safetensors", 1, rank=4), 0.5),
        (write(tmp_path / "two.safetensors", 2, "Tucker", rank=2, every=2), -0.75),
        (write(tmp_path / "three.safetensors", 3, rank=8, every=3), 1.0),
    ]
    out = tmp_path / "merged.safetensors"
    done = merge([Weighted(path, weight) for path, weight in files], out)
    assert set(done.ranks) == {4, 6, 12, 14}
    assert furthest(in_memory(base_file, (out, 1.0)), in_memory(base_file, *files)) < 1e-5
    tensors = load_file(out)
    with safe_open(out, "pt") as file:
        said = file.metadata()
    assert said["ss_network_dim"] == "Dynamic"
    assert said["ss_base_model_version"] == "sd_v1"
    assert said["modelspec.merged_from"] == "one, two, three"
    own = {name: value for name, value in said.items() if name.startswith("ss_")}
    hashes = model_hashes(tensors, own)
    assert said["sshs_model_hash"] == hashes["sshs_model_hash"]
    assert said["sshs_legacy_hash"] == hashes["sshs_legacy_hash"]


def cases() -> list[str]:
    """Of each kind, linear, as points and as kernels, what depends on no weight."""
    with safe_open(TRAINERS, "pt") as file:
        names = {key.split("/")[0] for key in file.keys() if "/saved/" in key}  # noqa: SIM118
    return sorted(
        name for name in names
        if name.split(":")[0] in LAYERS and not any(one in name for one in ("dora", "oft", "glora", "ia3", "norm"))
    )  # fmt: skip


@pytest.mark.parametrize("case", cases())
def test_every_kind_beside_a_lora(case: str, tmp_path: Path) -> None:
    """With a rank that holds all: the sum of what the trainer's module adds and a LoRA's."""
    tensors, of = load_file(TRAINERS), case.split(":", maxsplit=1)[0]
    start, layer = f"{case}/saved/", LAYERS[of]
    own = {f"{layer}.{key.removeprefix(start)}": t for key, t in tensors.items() if key.startswith(start)}
    own.pop(f"{layer}.diff_b", None)
    shape = tensors[f"layer/{of}/weight"].shape
    random = torch.Generator().manual_seed(1)
    up, down = (torch.randn(*size, generator=random) for size in ((shape[0], 2), (2, *shape[1:])))
    plain = {
        f"{layer}.lora_up.weight": up.view(*up.shape, *[1] * len(shape[2:])),
        f"{layer}.lora_down.weight": down,
    }
    save_file(own, tmp_path / "own.safetensors")
    save_file(plain, tmp_path / "plain.safetensors")
    out = tmp_path / "merged.safetensors"
    done = merge(
        [Weighted(tmp_path / "own.safetensors", 0.5), Weighted(tmp_path / "plain.safetensors", 2)],
        out,
        rank=99,
    )
    expected = 0.5 * deltas(tmp_path / "own.safetensors")[layer] + 2 * (up @ down.flatten(1))
    torch.testing.assert_close(deltas(out)[layer], expected, rtol=1e-4, atol=1e-5)
    assert done.least_kept == pytest.approx(1)
    saved = load_file(out)[f"{layer}.lora_down.weight"]
    assert saved.shape[1:] == shape[1:]


def test_brought_to_a_rank(write: Write, tmp_path: Path) -> None:
    """As near as a matrix of that rank can be: singular values tell."""
    one, two = (
        write(tmp_path / "1.safetensors", 1, every=9),
        write(tmp_path / "2.safetensors", 2, "LoKr", every=9),
    )
    files = [Weighted(one, 1.0), Weighted(two, 0.3)]
    out = tmp_path / "merged.safetensors"
    done = merge(files, out, rank=4, conv_rank=2, dtype="fp32")
    first, second = deltas(one), deltas(two)
    for name, found in deltas(out).items():
        whole = first[name] + 0.3 * second[name]
        rank = open_lora(out).modules[name].rank
        assert rank == (2 if open_lora(out).modules[name].kernel(9) == (3, 3) else 4)
        values = torch.linalg.svdvals(whole)
        assert float((whole - found).norm()) == pytest.approx(float(values[rank:].norm()), rel=1e-3, abs=1e-5)
    assert 0 < done.least_kept < done.kept < 1


def test_kinds_that_depend_on_the_base_model(base_file: Path, write: Write, tmp_path: Path) -> None:
    files = [
        (write(tmp_path / "dora.safetensors", 1, "DoRA", every=9), 0.5),
        (write(tmp_path / "loha.safetensors", 2, "LoHa", every=9), 1.0),
    ]
    chosen = [Weighted(path, weight) for path, weight in files]
    out = tmp_path / "merged.safetensors"
    with pytest.raises(UsageError, match=r"dora.safetensors has DoRA modules, .* name the base model"):
        merge(chosen, out, rank=999)
    merge(chosen, out, rank=999, base=base_file)
    # Both were added to the base model's own weights, neither to the other's.
    plain = in_memory(base_file)
    alone = [in_memory(base_file, one) for one in files]
    together = {name: alone[0][name] + alone[1][name] - tensor for name, tensor in plain.items()}
    assert furthest(in_memory(base_file, (out, 1.0)), together) < 1e-4


def test_blocks_and_layers_that_are_left_out(write: Write, tmp_path: Path) -> None:
    path, out = write(tmp_path / "lora.safetensors", 1), tmp_path / "out.safetensors"
    merge([Weighted(path, blocks="MID=0.5,BASE=0")], out)
    expected, found = deltas(path), deltas(out)
    assert not any(name.startswith("lora_te") for name in found)
    for name, one in found.items():
        torch.testing.assert_close(
            one, expected[name] * (0.5 if "_mid_" in name else 1), rtol=1e-4, atol=1e-5
        )
    with pytest.raises(UsageError, match="all layers have the weight 0"):
        merge([Weighted(path, 0)], tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="is no weight of a block"):
        merge([Weighted(path, blocks="MID=much")], tmp_path / "none.safetensors")
    with pytest.raises(UsageError, match="write a preset"):
        merge([Weighted(path, blocks="1,2,3")], tmp_path / "none.safetensors")


@pytest.mark.parametrize("kind", ["LoHa", "LoKr", "DoRA"])
def test_what_cant_stand_side_by_side_asks_for_a_rank(kind: str, write: Write, tmp_path: Path) -> None:
    path = write(tmp_path / "lora.safetensors", 1, kind, every=50)
    with pytest.raises(UsageError, match=r"can't be merged exactly .*; say a rank"):
        merge([Weighted(path), Weighted(path)], tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_dont_go_together(write: Write, tmp_path: Path) -> None:
    one, out = write(tmp_path / "1.safetensors", 1, every=50), tmp_path / "out.safetensors"
    other = write(tmp_path / "2.safetensors", 1, every=50, ss_base_model_version="sdxl_base_v1-0")
    with pytest.raises(UsageError, match="merge files of one family"):
        merge([Weighted(one), Weighted(other)], out)
    wide = {n: torch.cat([t, t]) if "lora_up" in n else t for n, t in load_file(one).items()}
    save_file(wide, tmp_path / "3.safetensors")
    with pytest.raises(TrainToolsError, match=r"has different sizes in 1\.safetensors, 3"):
        merge([Weighted(one), Weighted(tmp_path / "3.safetensors")], out)
    with pytest.raises(UsageError, match="rank must be 1 or more"):
        merge([Weighted(one)], out, rank=0)
    assert not out.exists()
