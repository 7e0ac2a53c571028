"""LoRA files of every kind for a base model, and what they make of its weights in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.fit import fit, merged_for_good
from train_tools.lora.kinds import hadamard, kronecker, low_rank
from train_tools.lora.kinds.trained import LENGTHS, Form, Shape, Trained, with_lengths
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import layers_of, targets_of


def dora(shape: Shape, rank: int) -> Form:
    return with_lengths(low_rank.trained(shape, rank, rebuilt=True), shape, of_outputs=True)


KINDS: Mapping[str, Trained] = {
    "LoRA": low_rank.trained,
    "Tucker": functools.partial(low_rank.trained, tucker=True),
    "LoHa": hadamard.trained,
    "LoHa Tucker": functools.partial(hadamard.trained, tucker=True),
    "LoKr": kronecker.trained,
    "LoKr whole": functools.partial(kronecker.trained, options=kronecker.Options(whole=True)),
    "DoRA": dora,
}


def lora(
    base: BaseModel,
    path: Path,
    seed: int,
    kind: str = "LoRA",
    rank: int = 4,
    every: int = 1,
    size: float = 0.2,
    kernels: bool = True,
    **metadata: str,
) -> Path:
    """Of every n-th layer that can be trained, kernels among them; alpha is half the rank."""
    targets = targets_of(base, base.family.network.names, kernels)[::every]
    own = {target.name: (rank, rank / 2) for target in targets}
    stack = LoraStack.of_sizes(targets, [own], kind=KINDS[kind])
    random = torch.Generator().manual_seed(seed)
    stack.flat.copy_(torch.randn(stack.flat.shape, generator=random) * size)
    for delta in stack.deltas:
        if LENGTHS in delta.factors:
            delta.factors[LENGTHS].abs_().add_(0.5)
    said = {"ss_base_model_version": base.family.words.version_in_files.format(v=""), **metadata}
    kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), said)
    return path


def in_memory(base_file: Path, *loras: tuple[Path, float]) -> dict[str, Tensor]:
    """All weights of the base model with the LoRAs merged into its modules."""
    base = load(base_file)
    for path, weight in loras:
        merged_for_good(fit(kohya.read(path), layers_of(base, base.family.network.names)), weight)
    return weights(base)


def weights(base: BaseModel) -> dict[str, Tensor]:
    modules = {"unet": base.unet, "vae": base.vae}
    modules |= {f"text {number}": one for number, one in enumerate(base.text_encoders)}
    return {
        f"{part}.{name}": tensor
        for part, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


def furthest(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((tensor.float() - other[name].float()).abs().max()) for name, tensor in one.items())


def deltas(path: Path) -> dict[str, Tensor]:
    """What each module adds, (outputs, inputs x kernel)."""
    from train_tools.lora.tools.modules import open_lora

    return {name: one.delta(one.parts()).flatten(1) for name, one in open_lora(path).modules.items()}


Write = Callable[..., Path]
