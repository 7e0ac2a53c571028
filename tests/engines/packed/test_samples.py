"""Pictures on the way, as sd-scripts' sample_prompts asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from train_tools.engines.packed.config import RunConfig, from_arguments
from train_tools.engines.packed.life.sample_prompts import Prompt, read_prompts
from train_tools.engines.packed.life.samples import SAMPLERS, draw_samples, is_due
from train_tools.engines.packed.step.pack import Pack
from train_tools.errors import UsageError
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel

LINES = """# what to draw
a red (zorb:1.2) --n blurry --w 68 --h 64 --d 7 --l 4.5 --s 3

a zorb --s 2 --w 64 --h 64 --cn other.png --ss euler_a
"""


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def base(request: pytest.FixtureRequest) -> BaseModel:
    return narrow.build(KINDS[request.param])


@pytest.fixture(scope="module")
def sd1() -> BaseModel:
    return narrow.build(KINDS["sd1"])


def config(folder: Path, **changes: Any) -> RunConfig:
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 4,
        "network_dim": 4, "learning_rate": 1e-3, **changes,
    }  # fmt: skip
    return from_arguments(folder, arguments)


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    expected = [
        Prompt("a red (zorb:1.2)", "blurry", 64, 64, 3, 4.5, 7, "ddim"),
        Prompt("a zorb", "", 64, 64, 2, 7.5, None, "euler_a"),
    ]
    assert read_prompts(write(tmp_path / "prompts.txt", LINES)) == expected
    as_json = [
        {"prompt": "a red (zorb:1.2)", "negative_prompt": "blurry", "width": 68, "height": 64, "seed": 7,
         "scale": 4.5, "sample_steps": 3},
        "a zorb --s 2 --w 64 --h 64 --ss euler_a",
    ]  # fmt: skip
    assert read_prompts(write(tmp_path / "prompts.json", json.dumps(as_json))) == expected
    as_toml = """[prompt]
width = 68
height = 64
[[prompt.subset]]
prompt = "a red (zorb:1.2)"
negative_prompt = "blurry"
seed = 7
scale = 4.5
sample_steps = 3
[[prompt.subset]]
prompt = "a zorb"
sample_steps = 2
sample_sampler = "euler_a"
"""
    assert read_prompts(write(tmp_path / "prompts.toml", as_toml)) == expected
    assert read_prompts(tmp_path / "prompts.txt", "heun")[0].sampler == "heun"
    with pytest.raises(UsageError, match="can't be read"):
        read_prompts(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="isn't lines with prompts"):
        read_prompts(write(tmp_path / "half.json", "[{"))
    with pytest.raises(UsageError, match="isn't lines with prompts"):
        read_prompts(write(tmp_path / "no.toml", "width = 3"))


def test_when_they_are_due(tmp_path: Path) -> None:
    def due(epoch: int, step: int, ends_epoch: bool, **changes: Any) -> bool:
        run = config(tmp_path / "run", **{"sample_prompts": "prompts.txt", **changes})
        return is_due(run, epoch, step, ends_epoch=ends_epoch)

    by_epochs = {"sample_every_n_epochs": 2, "sample_every_n_steps": 1}
    assert [due(epoch, 5 * epoch, True, **by_epochs) for epoch in (1, 2, 3, 4)] == [False, True, False, True]
    assert not due(2, 7, False, **by_epochs)
    assert [due(1, step, False, sample_every_n_steps=3) for step in (1, 3, 4, 6)] == [
        False,
        True,
        False,
        True,
    ]
    assert not due(1, 0, False, **by_epochs)
    assert due(1, 0, False, sample_at_first=True)
    assert not due(2, 10, True, sample_every_n_epochs=2, sample_prompts=None)


def test_each_run_draws_its_own_and_what_it_would_draw_alone(base: BaseModel, tmp_path: Path) -> None:
    file = write(tmp_path / "prompts.txt", LINES.replace("a zorb --s 2", "a zorb --d 3 --s 2"))
    short = write(tmp_path / "short.txt", LINES.splitlines()[1])
    runs = [
        config(tmp_path / "a", output_name="a", sample_prompts=str(file), sample_every_n_epochs=1, seed=1),
        config(tmp_path / "b", output_name="b", seed=2),
        config(tmp_path / "c", output_name="c", sample_prompts=str(short), sample_every_n_steps=10, seed=3),
    ]

    def drawn(configs: list[RunConfig], due: dict[int, int]) -> dict[int, Any]:
        pack = Pack(configs, base, 10)
        with torch.no_grad():  # as if each had learned something of its own
            for index, run in enumerate(configs):
                generator = torch.Generator().manual_seed(run.seed)
                pack.stack.flat[index] = 0.1 * torch.randn(pack.stack.flat[index].shape, generator=generator)
        with pack.stack.attached():
            return draw_samples(pack, due)

    placed = [(one.device, one.dtype) for one in (base.vae, *base.text_encoders)]
    found = drawn(runs, {0: 2, 2: 10})
    assert [path.name[:12] for path in found[0]] == ["a_e000002_00", "a_e000002_01"]
    assert [path.name[:11] for path in found[2]] == ["c_000010_00"]
    assert all(path.name.endswith(f"_{seed}.png") for path, seed in zip(found[0], (7, 3), strict=True))
    assert found[0][0].parent == tmp_path / "a" / "sample"
    assert not (tmp_path / "b" / "sample").exists()
    assert [(one.device, one.dtype) for one in (base.vae, *base.text_encoders)] == placed
    first, other = (np.asarray(Image.open(path), dtype=int) for path in (found[0][0], found[2][0]))
    assert first.shape == (64, 64, 3)
    assert np.abs(first - other).max() > 3
    (alone,) = drawn([runs[2]], {0: 10})[0]
    assert np.abs(np.asarray(Image.open(alone), dtype=int) - other).max() <= 1


def test_training_goes_on_without_what_cant_be_drawn(sd1: BaseModel, tmp_path: Path) -> None:
    base = sd1
    runs = [
        config(tmp_path / "a", sample_prompts=str(tmp_path / "none.txt"), sample_every_n_epochs=1),
        config(tmp_path / "b", sample_prompts=str(write(tmp_path / "p.txt", "a zorb --s 1 --w 64 --h 64")),
               sample_every_n_epochs=1),
    ]  # fmt: skip
    pack = Pack(runs, base, 10)
    with pack.stack.attached():
        found = draw_samples(pack, {0: 1, 1: 1})
        assert isinstance(found[0], str) and "can't be read" in found[0]
        assert isinstance(found[1], list) and len(found[1]) == 1

        def full(*_: object, **__: object) -> None:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(base.vae, "decode", full)
            assert "isn't enough memory" in str(draw_samples(pack, {1: 1})[1])


@pytest.mark.parametrize("sampler", [*SAMPLERS, "k_euler_a", "unknown"])
def test_every_sampler_of_sd_scripts_draws(sd1: BaseModel, tmp_path: Path, sampler: str) -> None:
    file = write(tmp_path / "p.txt", f"a zorb --d 1 --s 4 --w 64 --h 64 --ss {sampler}")
    pack = Pack([config(tmp_path / "a", sample_prompts=str(file), sample_every_n_epochs=1)], sd1, 10)
    with pack.stack.attached():
        (path,) = draw_samples(pack, {0: 1})[0]
    assert np.asarray(Image.open(path)).std() > 1
