"""Each kind of network is trained as its trainer's own module trains it: outputs, gradients, first values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lora.trainers_kinds import ALPHA, LAYERS, RANK, probe
from safetensors.torch import load_file
from torch import Tensor

from train_tools.lora import kohya
from train_tools.lora.dropouts import Dropout, Dropouts
from train_tools.lora.kinds import hadamard, kronecker, low_rank, normalisation
from train_tools.lora.kinds.trained import SCALAR, Form, Shape, Trained, with_lengths
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import Target

MADE = Path(__file__).parent / "trainers_kinds.safetensors"
NAME = "lora_unet_x"
KINDS: dict[str, Trained] = {
    "networks.lora": low_rank.trained,
    "locon": low_rank.trained,
    "locon rebuilt": partial(low_rank.trained, rebuilt=True),
    "loha": hadamard.trained,
    "lokr": kronecker.trained,
    "lokr whole": partial(kronecker.trained, options=kronecker.Options(whole=True)),
    "lokr by factor": partial(kronecker.trained, options=kronecker.Options(factor=2)),
    "lokr in four": partial(kronecker.trained, options=kronecker.Options(factor=4, both=True)),
    "norm": lambda shape, _rank: normalisation.trained(shape),
}
ENDS = ("", " scaled by the root", " dora", " dora in", " tucker", " scalar")


@cache
def made() -> dict[str, Tensor]:
    return load_file(MADE)


def kind_of(case: str) -> tuple[Trained, int, float]:
    """How a case's layer is trained, with which rank and alpha."""
    name = next((name for name in sorted(KINDS, key=len, reverse=True) if case.startswith(name)), "")
    options = case.removeprefix(name).split()
    kind, is_lokr = KINDS[name], name.startswith("lokr")
    if name == "norm":
        return kind, 1, 1.0
    rank = 1 if is_lokr and name != "lokr whole" else RANK
    alpha = ALPHA * rank**0.5 if "root" in options else ALPHA
    given = {word: True for word in ("tucker", "scalar") if word in options}
    if is_lokr and given:
        kind = partial(kronecker.trained, options=kronecker.Options(**given))
    elif given:
        kind = partial(kind, **given)
    if "dora" in options:
        bare = partial(low_rank.trained, rebuilt=True) if name == "locon" else kind

        def kind(shape: Shape, rank: int) -> Form:
            return with_lengths(bare(shape, rank), shape, of_outputs="in" not in options)

    return kind, rank, float(rank) if name == "lokr whole" else alpha


def cases() -> Iterator[str]:
    known = {name.split("/")[0] for name in made() if ": " in name}
    for layer in LAYERS:
        for name in KINDS:
            for end in ENDS:
                if f"{layer}: {name}{end}".replace(" rebuilt", "") in known:
                    yield f"{layer}: {name}{end}"


def layer_of(of: str) -> Any:
    layer = LAYERS[of]()
    layer.load_state_dict({n.split("/")[-1]: t for n, t in made().items() if n.startswith(f"layer/{of}/")})
    layer.requires_grad_(False)
    return layer


def filled(stack: LoraStack, index: int, start: str) -> None:
    """With what a trainer's module saved."""
    (delta,) = stack.deltas
    scalar = made().get(start.replace("saved/", SCALAR))
    with torch.no_grad():
        for factor in delta.form.factors:
            own = delta.own(index, factor)
            if factor.name == SCALAR:
                own.copy_(scalar)
                continue
            values = made()[f"{start}{factor.name}"]
            assert tuple(values.shape) == factor.saved_shape(delta.ranks[index])
            own.copy_((values / scalar if factor.name == delta.form.scalar_in else values).view_as(own))


@pytest.mark.parametrize("case", list(cases()))
def test_a_layer_is_trained_as_by_its_trainers_module(case: str) -> None:
    """In the middle of three, whose neighbours have other ranks where they can, or lack the layer."""
    of, name = case.split(": ")
    start = f"{case.replace(' rebuilt', '')}/"
    layer, (kind, rank, alpha) = layer_of(of), kind_of(name)
    neighbour = rank if "lokr" in case or "norm" in case else rank + 2
    sizes = [{NAME: (neighbour, 1.0)}, {NAME: (rank, alpha)}, {}]
    stack = LoraStack.of_sizes([Target(NAME, layer)], sizes, kind=kind)
    stack.initialise(0, 1)
    filled(stack, 1, f"{start}saved/")
    gradients = stack.train_into()
    given = made()[f"input/{of}"]
    with stack.attached():
        outputs = layer(torch.cat([given] * 3)).chunk(3)
    torch.testing.assert_close(outputs[1], made()[f"{start}full"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outputs[0], layer(given), rtol=1e-4, atol=1e-4)  # it begins as the base model
    torch.testing.assert_close(outputs[2], layer(given), rtol=1e-4, atol=1e-4)
    sum((output * probe(output)).sum() for output in outputs).backward()  # type: ignore[union-attr]
    stack.collect()
    (delta,) = stack.deltas
    for factor in delta.form.factors:
        gradient = delta.gradients[factor.name]
        own = gradient[1][factor.own(rank)]
        expected = made()[f"{start}grad/{factor.name}"].view_as(own)
        if "loha tucker" in case and factor.name.endswith(("_w1_a", "_w2_a")):
            continue  # LyCORIS computes these two otherwise than its own formula says
        torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-3)
        assert not gradient[2].any()
    assert gradients[1].any()
    # What it saves is what was read.
    for key, tensor in kohya.tensors_of(stack, 1, torch.float32).items():
        saved = made()[f"{start}saved/{key.partition('.')[2]}"]
        torch.testing.assert_close(tensor, saved, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("of", ["linear", "kernel"])
def test_what_is_left_out_by_chance_is_each_runs_own(of: str) -> None:
    """Alone it draws what it draws beside others, and what it leaves out is what sd-scripts leaves out."""
    layer, given = layer_of(of), made()[f"input/{of}"]
    given = given if of == "kernel" else given.unsqueeze(0)
    rules = [
        Dropout(),
        Dropout(hidden=0.3),
        Dropout(rank=0.5),
        Dropout(module=0.5),
        Dropout(rank=0.5, of_outputs=True),
    ]

    def passes(of_rules: list[Dropout], seeds: list[int], ranks: list[int]) -> list[list[Tensor]]:
        stack = LoraStack([Target(NAME, layer)], ranks, [1.0] * len(ranks))
        for index, seed in enumerate(seeds):
            stack.initialise(index, seed)
            stack.deltas[0].up[index, :, : ranks[index]] = 1.0
        generators = [[torch.Generator().manual_seed(seed + more) for seed in seeds] for more in (0, 9)]
        stack.dropouts = Dropouts(of_rules, *generators)
        found = []
        with stack.attached():
            for _ in range(40):
                stack.begin()
                output = layer(torch.cat([given] * len(ranks)))
                assert torch.equal(
                    output, layer(torch.cat([given] * len(ranks)))
                )  # computed again in the same pass
                found.append([own - layer_of(of)(given) for own in output.chunk(len(ranks))])
            with stack.whole():
                found.append(
                    [
                        own - layer_of(of)(given)
                        for own in layer(torch.cat([given] * len(ranks))).chunk(len(ranks))
                    ]
                )
        return found

    together = passes(rules, [1, 2, 3, 4, 5], [2, 4, 4, 4, 3])
    for index, rule in enumerate(rules):
        alone = passes([rule], [index + 1], [[2, 4, 4, 4, 3][index]])
        for one, others in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], others[index], rtol=1e-4, atol=1e-5)
    whole = together.pop()
    everywhere = [torch.stack([row[index] for row in together]) for index in range(len(rules))]
    torch.testing.assert_close(everywhere[0][0], whole[0])
    for index in (1, 2):  # the rest is larger, so that the mean stays
        torch.testing.assert_close(
            everywhere[index].mean(0), whole[index], rtol=0, atol=0.9 * float(whole[index].abs().max())
        )
        assert len({row.flatten()[0].item() for row in everywhere[index]}) > 4
    gone = [float(row.abs().max()) < 1e-5 for row in everywhere[3]]
    assert 8 < sum(gone) < 32
    kept = [row for row, is_gone in zip(everywhere[3], gone, strict=True) if not is_gone]
    torch.testing.assert_close(kept[0], whole[3])
    outputs = everywhere[4] if of == "kernel" else everywhere[4].movedim(-1, 2)
    rows = outputs[:, 0].flatten(2).abs().amax(-1) > 1e-5
    assert 0.3 < rows.float().mean() < 0.7
    assert (rows.any(1)).all()
