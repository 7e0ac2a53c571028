"""Each family as other programs load and ask it: diffusers' own pipelines from the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from families.conftest import LOADED
from safetensors.torch import load_file

from train_tools.base_model.convert import convert
from train_tools.families.loading import KINDS, load
from train_tools.families.registry import FAMILIES
from train_tools.families.stable_diffusion.base import BaseModel

TEXTS = ["a red cat, masterpiece", "", "very " * 100 + "long"]


@pytest.fixture(scope="session")
def folders(narrow_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp("folders") / name for name in narrow_files}
    for name, folder in made.items():
        convert(narrow_files[name], folder)
    return made


@pytest.fixture(scope="session", params=LOADED)
def pair(
    request: pytest.FixtureRequest, narrow_files: dict[str, Path], folders: dict[str, Path]
) -> tuple[BaseModel, Any]:
    """Ours, and diffusers' pipeline of the same file; only sizes come from the folder that we wrote."""
    name: str = request.param
    kind = getattr(diffusers, KINDS[name].pipeline)
    theirs = kind.from_single_file(
        str(narrow_files[name]), config=str(folders[name]), local_files_only=True, torch_dtype=torch.float32
    )
    return load(narrow_files[name]), theirs


def modules(base: BaseModel) -> list[torch.nn.Module]:
    return [base.unet, base.vae, *base.text_encoders]


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name].float(), states[1][name].float()) for name in states[0]
    )


def test_diffusers_reads_the_same_tensors(pair: tuple[BaseModel, Any]) -> None:
    ours, theirs = pair
    encoders = [getattr(theirs, encoder.part) for encoder in ours.encoders]
    for mine, other in zip(modules(ours), [theirs.unet, theirs.vae, *encoders], strict=True):
        assert same(mine, other)


@torch.no_grad()
def test_texts_are_read_alike(pair: tuple[BaseModel, Any]) -> None:
    ours, theirs = pair
    found = ours.embed(ours.tokens(TEXTS))
    hidden, _, *pooled = theirs.encode_prompt(
        TEXTS, device=torch.device("cpu"), num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    torch.testing.assert_close(found.hidden, hidden)
    assert found[1:].hidden.shape == (len(TEXTS) - 1, 77, hidden.shape[2])
    if pooled:
        assert found.pooled is not None
        torch.testing.assert_close(found.pooled, pooled[0])


@pytest.mark.parametrize("clip_skip", [1, 2, 3])
@torch.no_grad()
def test_layers_are_skipped_as_sd_scripts_does(pair: tuple[BaseModel, Any], clip_skip: int) -> None:
    """library/strategy_sd.py of 48d368f; Stable Diffusion XL reads the layer before the last, whatever is said."""
    ours, theirs = pair
    found = ours.embed(ours.tokens(TEXTS), clip_skip)
    if len(ours.encoders) > 1:
        assert torch.equal(found.hidden, ours.embed(ours.tokens(TEXTS), 1).hidden)
        return
    told = theirs.text_encoder(ours.tokens(TEXTS)[0], output_hidden_states=True)
    expected = theirs.text_encoder.final_layer_norm(told.hidden_states[-clip_skip])
    torch.testing.assert_close(found.hidden, expected)


@torch.no_grad()
def test_pictures_are_seen_and_drawn_alike(pair: tuple[BaseModel, Any]) -> None:
    ours, theirs = pair
    random = torch.Generator().manual_seed(0)
    conditioning = ours.embed(ours.tokens(TEXTS[:2]))
    noisy, times = torch.randn(2, 4, 16, 8, generator=random), torch.tensor([7, 900])
    sizes = torch.tensor([[1024.0, 768, 0, 8, 1024, 1024], [128, 64, 0, 0, 128, 64]])
    told = {} if conditioning.pooled is None else {"text_embeds": conditioning.pooled, "time_ids": sizes}
    theirs_says = theirs.unet(noisy, times, conditioning.hidden, added_cond_kwargs=told).sample
    torch.testing.assert_close(ours.predict(noisy, times, conditioning, sizes), theirs_says)
    # Of a whole picture, where nobody says sizes.
    torch.testing.assert_close(ours.predict(noisy, times, conditioning)[1:], theirs_says[1:])
    pixels = torch.rand(1, 3, 64, 64, generator=random) * 2 - 1
    latents = theirs.vae.encode(pixels).latent_dist.mean * theirs.vae.config.scaling_factor
    torch.testing.assert_close(ours.encode_image(pixels), latents)
    decoded = theirs.vae.decode(latents / theirs.vae.config.scaling_factor).sample
    torch.testing.assert_close(ours.decode(latents), decoded)


def test_a_folder_is_the_same_model(pair: tuple[BaseModel, Any], folders: dict[str, Path]) -> None:
    """Of the same family, however narrow."""
    ours, _ = pair
    found = load(folders[ours.family.name])
    assert found.family is ours.family
    assert all(map(same, modules(found), modules(ours)))
    assert [ids.tolist() for ids in found.tokens(TEXTS)] == [ids.tolist() for ids in ours.tokens(TEXTS)]


def test_a_folder_becomes_a_file_again(
    narrow_files: dict[str, Path], folders: dict[str, Path], tmp_path: Path
) -> None:
    convert(folders["sdxl"], tmp_path / "back.safetensors")
    there, back = load_file(narrow_files["sdxl"]), load_file(tmp_path / "back.safetensors")
    assert there.keys() == back.keys()
    assert all(torch.equal(there[name], back[name]) for name in there)


def test_the_tables_say_which_families_are_loaded() -> None:
    assert {family.name for family in FAMILIES if family.is_loaded} == set(KINDS) == set(LOADED)
