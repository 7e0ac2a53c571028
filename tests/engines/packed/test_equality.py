"""A packed run equals the same run alone, to floating-point noise."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import Batch
from train_tools.engines.packed.step.pack import Pack
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.small_models import base_model_file

STEPS = 10
NOISE = re.compile(r"mid_block.*attn1_to_[qk]$")  # see entries_with_gradient
CAPTIONS = ["zorb, a red ball", "zorb on a blue background", "a zorb", "zorb, green"]


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return load(base_model_file())


@pytest.fixture(scope="module")
def exact_base() -> BaseModel:
    """In fp64: what differs there isn't rounding."""
    exact = load(base_model_file())
    for module in (exact.unet, exact.vae, exact.text_encoders[0]):
        module.double()
    return exact


def config(**changes: object) -> RunConfig:
    plain = RunConfig(
        folder=Path(),
        output_name="run",
        base_model=Path(),
        train_data_dir=Path(),
        epochs=1,
        network_dim=4,
        network_alpha=2,
        unet_rate=1e-3,
        text_rates=(5e-4,),
        min_snr_gamma=5,
        seed=1,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def batches_of(seed: int, steps: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        yield Batch(
            torch.randn(1, 4, 8, 8, generator=generator),
            [CAPTIONS[(step + seed) % len(CAPTIONS)]],
            [1.0],
            [(64, 64, 0, 0, 64, 64)],
        )


def run_pack(configs: list[RunConfig], base: BaseModel, steps: int) -> tuple[Pack, list[list[float]]]:
    pack = Pack(configs, base, STEPS)
    streams = [batches_of(c.seed, steps) for c in configs]
    with pack.stack.attached():
        losses = [pack.step(list(batches)) for batches in zip(*streams, strict=True)]
    return pack, losses


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).detach().norm() / expected.detach().norm())


FOUR = [
    config(seed=1),
    config(seed=6, unet_rate=3e-4, max_grad_norm=0.5),
    config(seed=3, min_snr_gamma=0, network_alpha=4),
    config(seed=4, text_rates=(1e-3,)),
]


def gradients_at(configs: list[RunConfig], base: BaseModel, flat: torch.Tensor) -> torch.Tensor:
    """The gradients (K, P) of one step from the parameters `flat`."""
    pack = Pack(configs, base, STEPS)
    with torch.no_grad():
        pack.stack.flat.copy_(flat)
    with pack.stack.attached():
        batches = [next(batches_of(c.seed, 1)) for c in configs]
        pack.backward(pack.losses(batches, pack.draw(batches)))
    return pack.gradients.clone()


@pytest.mark.parametrize(("precision", "limit"), [("base", 1e-5), ("exact_base", 1e-10)])
def test_gradients_in_a_pack_of_four_equal_those_alone(
    precision: str, limit: float, request: pytest.FixtureRequest
) -> None:
    base = request.getfixturevalue(precision)
    trained, _ = run_pack(FOUR, base, 3)
    state = trained.stack.flat.detach().clone()  # no factor is zero any more
    together = gradients_at(FOUR, base, state)
    for index, one in enumerate(FOUR):
        alone = gradients_at([one], base, state[index : index + 1])
        assert relative_error(together[index], alone[0]) < limit


def test_adamw_has_the_same_parameters_after_all_steps(exact_base: BaseModel) -> None:
    """In fp64: AdamW's first steps turn what rounding makes of a gradient near zero into steps of the learning rate,
    and how much that is depends on the processor.
    """
    pack, _ = run_pack(FOUR, exact_base, STEPS)
    start = Pack(FOUR, exact_base, STEPS).stack.flat
    alone, _ = run_pack([FOUR[1]], exact_base, STEPS)
    real = entries_with_gradient(pack)
    update = (alone.stack.flat[0] - start[1])[real]
    assert update.norm() > 0.1
    assert relative_error((pack.stack.flat[1] - start[1])[real], update) < 1e-10


@pytest.mark.thorough
def test_adamw_in_single_precision_has_the_same_losses_over_all_steps(base: BaseModel) -> None:
    _, together = run_pack(FOUR, base, STEPS)
    _, alone = run_pack([FOUR[1]], base, STEPS)
    for packed, single in zip(together, alone, strict=True):
        assert packed[1] == pytest.approx(single[0], rel=1e-5)


def entries_with_gradient(pack: Pack) -> torch.Tensor:
    """All parameters but the noise entries: q and k of the self-attention over the one token that
    8 x 8 latents leave in the middle block. Their gradient is zero but for rounding, which AdamW
    normalises to full steps.
    """
    real = torch.ones_like(pack.stack.flat[0], dtype=torch.bool)
    noise = [piece.place for piece in pack.stack.pieces if NOISE.search(piece.delta.target.name)]
    assert len(noise) == 4  # two factors of two layers
    for place in noise:
        real[place] = False
    return real


def test_lion_has_the_same_losses_over_all_steps(base: BaseModel) -> None:
    """Parameters can't be compared: attention over one token has gradients of zero but for rounding,
    and Lion's sign() turns that noise into full steps.
    """
    lions = [dataclasses.replace(c, optimizer="Lion", unet_rate=1e-4, text_rates=(1e-4,)) for c in FOUR]
    _, together = run_pack(lions, base, STEPS)
    _, alone = run_pack([lions[2]], base, STEPS)
    for packed, single in zip(together, alone, strict=True):
        assert packed[2] == pytest.approx(single[0], rel=1e-5)


def test_differing_ranks_in_one_pack(exact_base: BaseModel) -> None:
    mixed = [config(seed=1, network_dim=2), config(seed=2, network_dim=8, network_alpha=8), config(seed=3)]
    pack, _ = run_pack(mixed, exact_base, 6)
    alone, _ = run_pack([mixed[0]], exact_base, 6)
    for delta in pack.stack.deltas:
        assert delta.down[0, 2:].abs().max() == 0  # the padding stays empty
        assert delta.up[0, :, 2:].abs().max() == 0
    # Padded ranks are other matrix products, and AdamW's first steps enlarge their rounding.
    assert relative_error(ups_of_rank_two(pack), ups_of_rank_two(alone)) < 1e-8


def ups_of_rank_two(pack: Pack) -> torch.Tensor:
    """The first run's `up` factors, which start at zero, without the noise entries."""
    real = [d for d in pack.stack.deltas if not NOISE.search(d.target.name)]
    return torch.cat([d.up[0, :, :2].flatten() for d in real])


def test_a_run_that_becomes_nan_stops_alone(base: BaseModel) -> None:
    healthy, _ = run_pack(FOUR, base, 6)
    pack = Pack(FOUR, base, STEPS)
    streams = [batches_of(c.seed, 6) for c in FOUR]
    with pack.stack.attached():
        for step, batches in enumerate(zip(*streams, strict=True)):
            own = list(batches)
            if step == 3:
                own[1] = Batch(
                    torch.full_like(own[1].latents, float("nan")), own[1].captions, [1.0], own[1].sizes
                )
            losses = pack.step(own)
            assert (losses[1] == losses[1]) == (step != 3)
    assert pack.alive == [True, False, True, True]
    for index in (0, 2, 3):
        assert torch.equal(pack.stack.flat[index], healthy.stack.flat[index])
    assert torch.isfinite(pack.stack.flat).all()


def test_without_the_text_encoder_its_layers_stay_out(base: BaseModel) -> None:
    pack, losses = run_pack([config(train_unet_only=True), config(train_unet_only=True, seed=2)], base, 3)
    assert {d.target.name.split("_")[1] for d in pack.stack.deltas} == {"unet"}
    assert all(torch.isfinite(torch.tensor(row)).all() for row in losses)
