"""Files of whatever ranks, kinds and precisions on a model's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from small_base import random_base
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import fit, kohya
from train_tools.lora.fit import MisfitError
from train_tools.lora.targets import Target, layers_of, targets_of


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return random_base()


@pytest.fixture(scope="module")
def layers(base: BaseModel) -> Mapping[str, Target]:
    return layers_of(base, base.family.network.names)


def plain_tensors(
    base: BaseModel, rank_of: Callable[[int], int], seed: int = 0, kernels: bool = False
) -> dict[str, Tensor]:
    """A LoRA whose ranks and alphas differ from layer to layer; a rank of 0 leaves a layer out."""
    random = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for number, target in enumerate(targets_of(base, base.family.network.names, kernels)):
        if not (rank := rank_of(number)):
            continue
        shape = target.layer.weight.shape
        tensors |= {
            f"{target.name}.lora_down.weight": 0.3 * torch.randn(rank, *shape[1:], generator=random),
            f"{target.name}.lora_up.weight": 0.3
            * torch.randn(shape[0], rank, *[1] * (len(shape) - 2), generator=random),
            f"{target.name}.alpha": torch.tensor(1.0 + number % 3),
        }
    return tensors


def written(path: Path, tensors: Mapping[str, Tensor]) -> kohya.LoraFile:
    kohya.write(path, tensors, {})
    return kohya.read(path, as_stored=True)


def predicted(base: BaseModel, count: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, 8, 8, generator=random).expand(count, -1, -1, -1)
    with torch.no_grad():
        conditioning = base.embed(base.tokens(["a red circle"] * count))
        return base.predict(latents, torch.tensor([500.0] * count), conditioning)


@pytest.mark.parametrize("kernels", [False, True])
def test_files_of_any_ranks_in_one_batch_are_what_each_is_merged_into_the_weights(
    base: BaseModel, layers: Mapping[str, Target], tmp_path: Path, kernels: bool
) -> None:
    ranks: list[Callable[[int], int]] = [lambda n: n % 5, lambda n: 3, lambda n: (n + 1) % 2 * 4]
    files = [
        fit.fit(written(tmp_path / f"{n}.safetensors", plain_tensors(base, rank, n, kernels)), layers)
        for n, rank in enumerate(ranks)
    ]
    assert all(file.is_plain for file in files)
    with fit.stack_of(files).attached():
        together = predicted(base, len(files))
    for one, file in zip(together, files, strict=True):
        with fit.merged(file, lambda _: 1.0):
            alone = predicted(base)[0]
        torch.testing.assert_close(one, alone, rtol=1e-3, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_weights_that_were_changed_are_exactly_their_own_again(
    base: BaseModel, layers: Mapping[str, Target], tmp_path: Path
) -> None:
    before = {name: t.clone() for name, t in base.unet.state_dict().items()}
    tensors = plain_tensors(base, lambda n: 2)
    tensors |= {"lora_unet_conv_in.diff": torch.randn(base.unet.conv_in.weight.shape)}
    tensors |= {"lora_unet_conv_in.diff_b": torch.randn(base.unet.conv_in.bias.shape)}
    file = fit.fit(written(tmp_path / "mixed.safetensors", tensors), layers)
    assert not file.is_plain
    with fit.merged(file, lambda target: 0.0 if target.is_text else 0.7):
        assert not torch.equal(base.unet.conv_in.bias, before["conv_in.bias"])
    with pytest.raises(MemoryError), fit.merged(file, lambda _: 1.0):
        raise MemoryError
    for name, tensor in base.unet.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_files_in_half_precision_are_read_as_they_are(
    base: BaseModel, layers: Mapping[str, Target], tmp_path: Path, dtype: torch.dtype
) -> None:
    tensors = plain_tensors(base, lambda n: n % 3)
    halves = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    same = {name: tensor.float() for name, tensor in halves.items()}
    found = []
    for name, one in (("halves", halves), ("same", same)):
        file = fit.fit(written(tmp_path / f"{name}.safetensors", one), layers)
        with fit.merged(file, lambda _: 1.0):
            merged = predicted(base)
        with fit.stack_of([file]).attached():
            found += [merged, predicted(base)]
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[1], found[3])


def test_what_doesnt_fit_is_refused_in_words(
    base: BaseModel, layers: Mapping[str, Target], tmp_path: Path
) -> None:
    name = "lora_unet_mid_block_attentions_0_proj_in"
    wide = {f"{name}.hada_w{n}_a": torch.randn(64, 2) for n in (1, 2)}
    wide |= {f"{name}.hada_w{n}_b": torch.randn(2, 65) for n in (1, 2)}
    half = {f"{name}.hada_w1_a": torch.randn(64, 2)}
    for number, tensors in enumerate((wide, half, {"lora_unet_nowhere.diff": torch.zeros(1)})):
        with pytest.raises(MisfitError, match="doesn't fit this base model"):
            fit.fit(written(tmp_path / f"{number}.safetensors", tensors), layers)
    strange = {f"{name}.lora_up.weight": torch.zeros(64, 1), f"{name}.tomorrow": torch.zeros(1)}
    with pytest.raises(TrainToolsError, match=r"of a kind that can't be drawn .* has tomorrow"):
        fit.fit(written(tmp_path / "strange.safetensors", strange), layers)
