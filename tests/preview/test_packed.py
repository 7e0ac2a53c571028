"""Packed pictures equal pictures alone, whatever differs in a batch; memory that runs out makes batches smaller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from preview.samples import PROMPTS, WriteLora, settings
from safetensors.torch import save_file

from train_tools.errors import UsageError
from train_tools.families import block_weights
from train_tools.families.stable_diffusion import memory, names
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.preview import render, samplers
from train_tools.preview.index import read_index
from train_tools.preview.render import Frame, Request, render_base, render_loras
from train_tools.preview.service import preview
from train_tools.workspace.workspace import Version


@pytest.fixture
def files(write_lora: WriteLora, tmp_path: Path) -> list[LoraFile]:
    return [kohya.read(write_lora(tmp_path / f"{n}.safetensors", n, rank)) for n, rank in enumerate((2, 4))]


def furthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a pixel, of 255."""
    return int(np.abs(np.int16(one) - np.int16(other)).max())  # type: ignore[arg-type]


QUICK = ("Euler a", "DPM++ 2M")  # one with noise of its own, one with a memory of the steps before
THOROUGH = [pytest.param(name, marks=pytest.mark.thorough) for name in samplers.SAMPLERS if name not in QUICK]


@pytest.mark.parametrize("sampler", [*QUICK, *THOROUGH])
def test_packed_pictures_equal_pictures_alone(base: BaseModel, files: list[LoraFile], sampler: str) -> None:
    frame = Frame(64, 64, clip_skip=2, sampler=sampler, steps=3)
    blocks = block_weights.parse("OUTX:0.3")
    requests = [
        [
            Request("a red circle", "blurry", 1, 3.0, 0.5, 0.5),
            Request("a zorb", "", 2, 7.0, 1.0, 0.25),
            Request("a zorb", "", 2, 7.0, 1.0, 0.25, blocks),
            Request("a (zorb:1.3), " * 30, "", 2, 7.0, 0.25, 1.0),  # longer than the others
        ]
    ] * 2
    together = render_loras(base, files, requests, frame)
    alone = [
        render_loras(base, [file], [[request]], frame)[0]
        for file, row in zip(files, requests, strict=True)
        for request in row
    ]
    for one, other in zip(together, alone, strict=True):
        assert furthest(one, other) <= 1
    assert len({picture.tobytes() for picture in together}) == 8


@pytest.mark.parametrize("scheduler", ["Uniform", "Karras", "Exponential", "SGM Uniform"])
def test_schedulers_make_other_pictures(base: BaseModel, scheduler: str) -> None:
    frames = [Frame(64, 64, sampler="DPM++ 2M", scheduler=name, steps=4) for name in (scheduler, "Automatic")]
    one, other = (render_base(base, [Request("a zorb")], frame)[0] for frame in frames)
    assert (furthest(one, other) == 0) == (scheduler == "Karras")


def test_weight_zero_is_the_base_models_picture(base: BaseModel, files: list[LoraFile]) -> None:
    frame = Frame(64, 64, steps=4)
    with_lora = render_loras(base, files[:1], [[Request("a zorb")]], frame)[0]
    assert furthest(with_lora, render_base(base, [Request("a zorb")], frame)[0]) <= 1


def test_one_weight_alone_leaves_the_other_part_as_it_is(base: BaseModel, files: list[LoraFile]) -> None:
    """At a UNet weight of 0 the picture is that of a file without the UNet's modules, and the other way round."""
    frame = Frame(64, 64, steps=2)
    file = files[0]
    for part, request in (
        ("lora_te", Request("a zorb", weight_te=0.5)),
        ("lora_unet", Request("a zorb", weight_unet=0.5)),
    ):
        tensors = {
            name: t if name.startswith(part) else torch.zeros_like(t) for name, t in file.tensors.items()
        }
        tensors |= {name: file.tensors[name] for name in tensors if name.endswith(".alpha")}
        only = LoraFile(file.path, tensors, {})
        expected = render_loras(base, [only], [[Request("a zorb", weight_unet=0.5, weight_te=0.5)]], frame)[0]
        assert furthest(render_loras(base, [file], [[request]], frame)[0], expected) <= 1
        assert furthest(render_base(base, [Request("a zorb")], frame)[0], expected) > 1


def test_block_weights_are_those_of_a_file_with_them_in_it(base: BaseModel, files: list[LoraFile]) -> None:
    frame = Frame(64, 64, steps=2)
    file, blocks = files[0], block_weights.parse("OUTD")
    tensors = {
        name: tensor * block_weights.factor(blocks, name.split(".")[0])
        if name.endswith("lora_up.weight")
        else tensor
        for name, tensor in file.tensors.items()
    }
    expected = render_loras(
        base, [LoraFile(file.path, tensors, {})], [[Request("a", "", 1, 5.0, 1.0, 1.0)]], frame
    )
    found = render_loras(base, [file], [[Request("a", "", 1, 5.0, 1.0, 1.0, blocks)]], frame)
    assert furthest(found[0], expected[0]) <= 1


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_short_of_memory_it_renders_fewer_at_once(
    version: Version, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sizes: list[int] = []

    def sample(
        base: BaseModel, stack: object, requests: list[list[Request]], frame: Frame
    ) -> list[Image.Image]:
        count = sum(map(len, requests))
        if count > 1:
            raise error
        sizes.append(count)
        return [Image.new("RGB", (64, 64))]

    monkeypatch.setattr(render, "_sample", sample)
    result = preview(version, settings(batch_cells=8), lambda _: None)
    assert (result.rendered, result.failed) == (8, [])
    assert sizes == [1] * 8


def test_short_of_memory_for_one_it_says_so(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    def sample(*_: object) -> list[Image.Image]:
        raise MemoryError

    monkeypatch.setattr(render, "_sample", sample)
    result = preview(version, settings(prompts=PROMPTS[:1]), lambda _: None)
    assert result.rendered == 0
    assert "there isn't enough memory" in result.failed[0]


def test_batches_are_bounded_by_memory(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 2**30

    monkeypatch.setattr(memory.psutil, "virtual_memory", Memory)
    small = memory.cells_in_memory(base.unet, 64, 64)
    large = memory.cells_in_memory(base.unet, 512, 512)
    assert small == pytest.approx(64 * large, rel=0.1)
    assert memory.cells_in_memory(base.unet, 8192, 8192) == 1


def test_a_sampler_that_isnt_there_is_told_before_anything_is_rendered(version: Version) -> None:
    with pytest.raises(UsageError, match=r"sampler 'Restart' is none of .* there are: DDIM, Euler"):
        preview(version, settings(sampler=("Restart",)), lambda _: None)
    with pytest.raises(
        UsageError, match="scheduler 'Karras' doesn't go with DDIM; there are: Automatic, Uniform"
    ):
        preview(version, settings(scheduler=("Karras",)), lambda _: None)
    with pytest.raises(UsageError, match="no webui with Train Tools is running"):
        preview(version, settings(renderer="host"), lambda _: None)


def test_a_runs_own_vae_draws_its_pictures(version: Version, base: BaseModel, tmp_path: Path) -> None:
    """As a file has it, with original names or with diffusers'; another VAE is another picture."""
    own = {n: t.clone() for n, t in base.vae.state_dict().items()}
    other = {
        n: t + 0.02 * torch.randn(t.shape, generator=torch.Generator().manual_seed(1)) for n, t in own.items()
    }
    files = {}
    for name, state in (("own", own), ("other", other)):
        save_file(state, tmp_path / f"{name}.safetensors")
        original = {
            names.vae_name(n).removeprefix(names.VAE_PREFIX): t.contiguous() for n, t in state.items()
        }
        save_file(original, tmp_path / f"{name}.vae.safetensors")
        files[name] = (tmp_path / f"{name}.safetensors", tmp_path / f"{name}.vae.safetensors")

    def picture(vae: str) -> Image.Image:
        chosen = settings(prompts=PROMPTS[:1], weights=(0.0,), vae=vae, difference=False)
        result = preview(version, chosen, lambda _: None)
        assert result.failed == [], result.failed
        (cell,) = {
            cell.image: cell for cell in read_index(version).cells if cell.vae == Path(vae).name
        }.values()
        return Image.open(version.folder / cell.image)

    plain = picture("")
    for file in files["own"]:
        assert furthest(picture(str(file)), plain) <= 1
    one, same = (picture(str(file)) for file in files["other"])
    assert furthest(one, same) <= 1
    assert furthest(one, plain) > 1
    damaged = tmp_path / "none.safetensors"
    save_file({"x": torch.zeros(1)}, damaged)
    for vae, told in (
        (damaged, "is no VAE"),
        (tmp_path / "gone.safetensors", "is missing"),
    ):
        chosen = settings(prompts=PROMPTS[:1], weights=(0.0,), vae=str(vae))
        (sentence,) = preview(version, chosen, lambda _: None).failed
        assert told in sentence
