"""Images that are held back are measured, and never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from small_base import shallow_base

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.data.batches import read_held_back, read_items
from train_tools.engines.packed.data.encoding import Bucket, Encoder, Needs, encode
from train_tools.engines.packed.life.validation import EPOCH, STEP, Validation
from train_tools.engines.packed.step.pack import Pack
from train_tools.families.stable_diffusion.base import BaseModel


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return shallow_base()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("images")
    (made / "1_zorb").mkdir()
    for number in range(6):
        Image.effect_noise((64, 64), 20 + 10 * number).save(made / "1_zorb" / f"{number}.png")
    return made


def config(folder: Path, **changes: Any) -> RunConfig:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": str(folder), "resolution": "64,64",
        "train_batch_size": 2, "max_train_epochs": 2, "seed": 3, "validation_split": 0.5, "validation_seed": 1,
        "network_dim": 4, "learning_rate": 1e-3, **changes,
    }  # fmt: skip
    return from_arguments(Path("run"), arguments)


def held(run: RunConfig, base: BaseModel) -> list[Bucket]:
    return encode(read_held_back(run), base, Needs.of([run]), lambda *_: None)


def measured(runs: list[RunConfig], base: BaseModel) -> list[float]:
    pack = Pack(runs, base, 10)
    with torch.no_grad():
        for index, run in enumerate(runs):  # as if each had learned something of its own
            generator = torch.Generator().manual_seed(run.seed)
            pack.stack.flat[index] += 0.02 * torch.randn(pack.stack.flat[index].shape, generator=generator)
    with pack.stack.attached():
        return Validation(held(runs[0], base), Encoder(base)).measure(pack)


def test_it_is_the_mean_error_at_four_levels_with_the_same_noise_each_time(
    folder: Path, base: BaseModel
) -> None:
    run = config(folder, min_snr_gamma=5)
    pack = Pack([run], base, 10)
    (bucket,) = held(run, base)
    generator = torch.Generator().manual_seed(1)
    signal = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)
    validation, losses = Validation([bucket], Encoder(base)), []
    first = validation.measure(pack)
    # By hand, on the order in which it goes through them.
    order = validation._data(run, 1)._random.sample(bucket.order, 3)
    for part in (order[:2], order[2:]):
        clean = bucket.latents[part, 0]
        for at in (200, 400, 600, 800):
            noise = torch.randn(clean.shape, generator=generator)
            noisy = signal[at].sqrt() * clean + (1 - signal[at]).sqrt() * noise
            with torch.no_grad():
                told = base.embed(base.tokens(["zorb"] * len(part)))
                predicted = base.predict(noisy, torch.full((len(part),), at), told)
            snr = float(signal[at] / (1 - signal[at]))
            losses.append(float((predicted - noise).pow(2).mean()) * min(snr, 5) / snr)
    assert first[0] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert validation.measure(pack) == first
    assert torch.equal(pack._generators[0].get_state(), torch.Generator().manual_seed(3).get_state())


def test_a_run_is_measured_the_same_beside_others(folder: Path, base: BaseModel) -> None:
    runs = [
        config(folder, seed=1),
        config(folder, seed=2, network_alpha=4, min_timestep=100, max_timestep=600),
        config(folder, seed=3, optimizer_type="AdamWScheduleFree", loss_type="huber"),
    ]
    together = measured(runs, base)
    assert len({round(loss, 6) for loss in together}) == 3
    for run, loss in zip(runs, together, strict=True):
        assert measured([run], base) == pytest.approx([loss], rel=1e-5)


def test_when_it_is_due(folder: Path, base: BaseModel) -> None:
    run = config(folder, validate_every_n_steps=3, validate_every_n_epochs=2)
    validation = Validation(held(run, base), Encoder(base))
    assert validation.due(run, 1, 3, ends_epoch=False) == [STEP]
    assert validation.due(run, 2, 6, ends_epoch=True) == [STEP, EPOCH]
    assert validation.due(run, 1, 4, ends_epoch=True) == []
    assert validation.due(config(folder), 1, 4, ends_epoch=True) == [EPOCH]
    assert Validation([], Encoder(base)).due(run, 2, 6, ends_epoch=True) == []
    assert len(validation._buckets[0].order) == 3
    assert measured([config(folder, max_validation_steps=1)], base) != measured([config(folder)], base)


def test_what_is_held_back_isnt_trained(folder: Path) -> None:
    run = config(folder)
    names = [sorted(item.path.name for item in some) for some in (read_items(run), read_held_back(run))]
    assert [len(some) for some in names] == [3, 3]
    assert not set(names[0]) & set(names[1])
    assert read_held_back(config(folder, validation_split=0.0)) == []
