"""Stable Diffusion 2 and XL packed: as one by one, and as diffusers' own pipeline draws with the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionXLPipeline
from PIL import Image

from train_tools.families import block_weights
from train_tools.families.sd2.model import StableDiffusion2
from train_tools.families.sdxl.model import StableDiffusionXL
from train_tools.families.stable_diffusion.base import BaseModel, Sizes
from train_tools.families.stable_diffusion.latents import NOISE
from train_tools.families.stable_diffusion.narrow import build
from train_tools.lora import kohya
from train_tools.lora.kohya import LoraFile
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import targets_of
from train_tools.preview import samplers
from train_tools.preview.render import Frame, Request, render_base, render_loras


class SmallXL(StableDiffusionXL):
    narrow = Sizes((32, 64, 64), (0, 1, 2), ((64, 2), (64, 3)), (32, 32, 32, 32))


class SmallV2(StableDiffusion2):
    narrow = Sizes((64, 64, 64, 64), (1, 1, 1, 0), ((64, 2),), (32, 32, 32, 32))


WIDE = Frame(128, 64, steps=4, sampler="Euler a")


@pytest.fixture(scope="module")
def xl() -> BaseModel:
    return build(SmallXL)


def lora(base: BaseModel, path: Path, seed: int, rank: int, kernels: bool = False) -> LoraFile:
    stack = LoraStack(targets_of(base, base.family.network.names, kernels), [rank], [rank / 2])
    for delta in stack.deltas:
        random = torch.Generator().manual_seed(seed)
        delta.down.copy_(torch.randn(delta.down.shape, generator=random) / delta.target.in_features**0.5)
        delta.up.copy_(torch.randn(delta.up.shape, generator=random) * 0.3)
    kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), {})
    return kohya.read(path)


def furthest(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a pixel, of 255."""
    return int(np.abs(np.int16(one) - np.int16(other)).max())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: build(SmallXL),
        lambda: build(SmallV2, prediction="v"),
        pytest.param(lambda: build(SmallXL, 0, "v", True), marks=pytest.mark.thorough),
    ],
)
def test_packed_pictures_equal_pictures_alone(make: Callable[[], BaseModel], tmp_path: Path) -> None:
    base = make()
    files = [
        lora(base, tmp_path / f"{n}.safetensors", n, rank, kernels)
        for n, (rank, kernels) in enumerate(((4, False), (8, True)))
    ]
    half = block_weights.parse("OUTX:0.3", base.family.network.blocks)
    requests = [
        [
            Request("a red circle", "blurry", 1, 5.0, 0.5, 0.5),
            Request("a zorb", "", 2, 7.0, 1.0, 0.3),
            Request("a zorb", "", 2, 7.0, 1.0, 0.3, half),
            Request("a zorb", "", 2, 7.0, 0.3, 1.0, rescale=0.7),
        ]
    ] * 2
    together = render_loras(base, files, requests, WIDE)
    alone = [
        render_loras(base, [file], [[request]], WIDE)[0]
        for file, row in zip(files, requests, strict=True)
        for request in row
    ]
    for one, other in zip(together, alone, strict=True):
        assert one.size == (128, 64)
        assert furthest(one, other) <= 1
    assert len({picture.tobytes() for picture in together}) == 8
    assert render_loras(base, files, requests, WIDE)[3].tobytes() == together[3].tobytes()


def test_weight_zero_is_the_base_models_picture_and_one_is_another(xl: BaseModel, tmp_path: Path) -> None:
    file = lora(xl, tmp_path / "lora.safetensors", 1, 4)
    base = render_base(xl, [Request("a zorb", seed=3)], WIDE)[0]
    zero, one = render_loras(
        xl, [file], [[Request("a zorb", seed=3), Request("a zorb", "", 3, 5.0, 1.0, 1.0)]], WIDE
    )
    assert furthest(zero, base) <= 1
    assert furthest(one, base) > 10


def with_diffusers(
    base: BaseModel, scheduler: Any, file: LoraFile | None, negative: str | None, **more: Any
) -> Image.Image:
    pipeline = StableDiffusionXLPipeline(
        base.vae, *base.text_encoders, *base.tokenizers, base.unet, scheduler, force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    if file is not None:
        pipeline.load_lora_weights(file.path.parent, weight_name=file.path.name)
    picture: Image.Image = pipeline(
        "a zorb", height=64, width=128, num_inference_steps=6, guidance_scale=7.0, negative_prompt=negative,
        generator=torch.Generator().manual_seed(2), **more,
    ).images[0]  # fmt: skip
    return picture


@pytest.mark.parametrize(
    ("negative", "kernels"),
    [
        ("blurry", True),
        ("", False),
        pytest.param("blurry", False, marks=pytest.mark.thorough),
        pytest.param("", True, marks=pytest.mark.thorough),
    ],
)
def test_diffusers_own_pipeline_draws_the_same_with_the_file(
    xl: BaseModel, tmp_path: Path, negative: str, kernels: bool
) -> None:
    """Without a negative prompt both leave the texts' vectors at zero, as webuis do."""
    file = lora(xl, tmp_path / "lora.safetensors", 1, 4, kernels)
    request = Request("a zorb", negative, 2, 7.0, 1.0, 1.0)
    frame = Frame(128, 64, steps=6, sampler="Euler")
    (ours,) = render_loras(xl, [file], [[request]], frame)
    theirs = with_diffusers(build(SmallXL), EulerDiscreteScheduler(**NOISE), file, negative or None)
    assert furthest(ours, theirs) <= 2
    assert furthest(ours, render_base(xl, [request], frame)[0]) > 10


@pytest.mark.parametrize(
    ("zero_snr", "rescale"),
    [
        (False, 0.0),
        (True, 0.7),
        pytest.param(False, 0.7, marks=pytest.mark.thorough),
        pytest.param(True, 0.0, marks=pytest.mark.thorough),
    ],
)
def test_velocity_zero_snr_and_rescale_are_those_of_diffusers(zero_snr: bool, rescale: float) -> None:
    base = build(SmallXL, 0, "v", zero_snr)
    told = {**NOISE, "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False}
    if zero_snr:
        told |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    (ours,) = render_base(
        base, [Request("a zorb", "blurry", 2, 7.0, rescale=rescale)], Frame(128, 64, steps=6, sampler="DDIM")
    )
    theirs = with_diffusers(base, DDIMScheduler(**told), None, "blurry", guidance_rescale=rescale)
    assert furthest(ours, theirs) <= 2
    (other,) = render_base(
        base, [Request("a zorb", "blurry", 2, 7.0)], Frame(128, 64, steps=6, sampler="DDIM")
    )
    assert (furthest(ours, other) > 2) == bool(rescale)


QUICK = ("Euler a", "DPM++ 2M", "UniPC")
THOROUGH = [pytest.param(name, marks=pytest.mark.thorough) for name in samplers.SAMPLERS if name not in QUICK]


@pytest.mark.parametrize("sampler", [*QUICK, *THOROUGH])
def test_every_sampler_begins_without_signal_where_the_model_learnt_it(sampler: str) -> None:
    base = build(SmallXL, 0, "v", True)
    made = samplers.make(sampler, "Automatic", 4, base.noise)
    kept = made.alphas_cumprod[-1].item()
    assert kept <= 2**-24 * 1.01
    assert made.timesteps.max() >= 998
    normal = samplers.make(sampler, "Automatic", 4)
    assert normal.alphas_cumprod[-1].item() > 1e-3
    assert isinstance(made, getattr(diffusers, samplers.SAMPLERS[sampler].scheduler))
    (picture,) = render_base(base, [Request("a zorb", seed=1)], Frame(64, 64, steps=3, sampler=sampler))
    assert np.asarray(picture).std() > 1
