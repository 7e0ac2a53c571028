"""Checkpoints of every kind of network through our renderer, and those that it can't draw, told by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from preview.samples import WriteLora
from torch import Tensor

from train_tools.families.detect import detect
from train_tools.families.interface import Found
from train_tools.families.registry import BY_NAME
from train_tools.families.stable_diffusion import decoding, memory
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.targets import Target, layers_of
from train_tools.preview.cells import Cell, Checkpoint, Drawn, Recipe, Run
from train_tools.preview.packed import PackedRenderer
from train_tools.preview.packed_support import why_not
from train_tools.preview.renderer import PACKED, Outcome

# Weight of the UNet, of the text encoder, of blocks.
STRENGTHS = [(0.0, 0.0, ""), (1.0, 1.0, ""), (0.5, 1.0, ""), (1.0, 0.0, "OUTX:0.3"), (1.0, 1.0, "OUTX:0.3")]
Change = Callable[[Target, Tensor], dict[str, Tensor]]


@pytest.fixture(scope="session")
def layers(base: BaseModel) -> Mapping[str, Target]:
    return layers_of(base, base.family.network.names)


def cells(path: Path, base_file: Path, strengths: list[tuple[float, float, str]]) -> list[Cell]:
    checkpoint = Checkpoint(
        Run(path.parent, {"pretrained_model_name_or_path": str(base_file)}), path, 1, path.stem
    )
    made = []
    for unet, text, blocks in strengths:
        recipe = Recipe(
            path.stem if unet or text else "", unet, text, blocks, "base", "a red circle", "", 1, "DDIM", "Automatic",
            3, 3.0, 1, 64, 64, PACKED,
        )  # fmt: skip
        drawn = Drawn(PACKED, "", base_file)
        made.append(Cell(checkpoint, recipe, base_file, ("", ""), blocks, path, drawn, recipe.key))
    return made


def drawn(wanted: list[Cell]) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    PackedRenderer(8).render(wanted, lambda outcome: outcomes.update({id(outcome.cell): outcome}))
    return [outcomes[id(cell)] for cell in wanted]


def pictures(path: Path, base_file: Path, strengths: list[tuple[float, float, str]]) -> list[Image.Image]:
    outcomes = drawn(cells(path, base_file, strengths))
    assert [outcome.error for outcome in outcomes] == [""] * len(outcomes)
    return [outcome.picture for outcome in outcomes if outcome.picture is not None]


def furthest(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.int16(one) - np.int16(other)).max())  # type: ignore[arg-type]


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


# A plain LoRA's changes, in the words of other kinds.
SAME: dict[str, Change] = {
    "full": lambda layer, delta: {"diff": delta},
    "LoHa": lambda layer, delta: {
        "hada_w1_a": delta.flatten(1), "hada_w1_b": torch.eye(delta.flatten(1).shape[1]),
        "hada_w2_a": ones(layer.out_features, 1), "hada_w2_b": ones(1, layer.in_features),
    },
    "LoKr": lambda layer, delta: {"lokr_w1": ones(1, 1), "lokr_w2": delta},
    "GLoRA": lambda layer, delta: {
        "a1.weight": torch.zeros(layer.in_features, layer.out_features),
        "a2.weight": torch.zeros(layer.out_features, layer.in_features),
        "b1.weight": torch.eye(layer.out_features), "b2.weight": delta.flatten(1),
    },
    "DoRA": lambda layer, delta: {
        "lora_up.weight": torch.eye(layer.out_features), "lora_down.weight": delta.flatten(1),
        "dora_scale": (layer.layer.weight + delta).flatten(1).norm(dim=1).reshape(-1, *[1] * (delta.dim() - 1)),
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_other_kinds_draw_as_the_lora_that_changes_the_same(
    kind: str, base_file: Path, layers: Mapping[str, Target], write_lora: WriteLora, tmp_path: Path
) -> None:
    plain = write_lora(tmp_path / "plain.safetensors", 1)
    tensors: dict[str, Tensor] = {}
    for name, parts in kohya.read(plain).modules.items():
        layer = layers[name]
        up, down = parts["lora_up.weight"].flatten(1), parts["lora_down.weight"].flatten(1)
        delta = float(parts["alpha"]) / len(down) * (up @ down).reshape(layer.layer.weight.shape)
        tensors |= {f"{name}.{end}": part for end, part in SAME[kind](layer, delta).items()}
    path = tmp_path / "other.safetensors"
    kohya.write(path, tensors, {"ss_base_model_version": "sd_v1"})
    expected, found = (pictures(file, base_file, STRENGTHS) for file in (plain, path))
    for one, other in zip(expected, found, strict=True):
        assert furthest(one, other) <= 1
    assert len({picture.tobytes() for picture in found}) == len(STRENGTHS)


def small(*shape: int) -> Tensor:
    return 0.2 * torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))


# Modules, by what they begin with -> their tensors.
OWN: dict[str, tuple[str, Change]] = {
    "(IA)³": ("lora_unet", lambda layer, _: {"weight": small(layer.out_features), "on_input": torch.tensor(0)}),
    "norm": ("lora_unet", lambda layer, _: {end: 5 * small(layer.out_features) for end in ("w_norm", "b_norm")}),
    "OFT": ("oft_unet", lambda layer, _: {"oft_blocks": small(4, layer.out_features // 4, layer.out_features // 4),
                                          "alpha": torch.tensor(1e-2)}),
    "diag-oft": ("lora_unet", lambda layer, _: {"oft_blocks": small(layer.out_features // 4, 4, 4),
                                                "alpha": torch.tensor(0.0)}),
    "BOFT": ("lora_unet", lambda layer, _: {"oft_blocks": small(2, layer.out_features // 4, 4, 4),
                                            "alpha": torch.tensor(0.0)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", OWN)
def test_every_kind_is_the_base_at_zero_and_another_picture_at_one(
    kind: str, base_file: Path, layers: Mapping[str, Target], tmp_path: Path
) -> None:
    prefix, change = OWN[kind]
    end = tuple(f"_blocks_0_norm{n}" for n in (1, 2, 3)) if kind == "norm" else "_to_v"
    tensors = {
        f"{target.name.replace('lora_unet', prefix)}.{part}": tensor
        for name, target in layers.items()
        if name.endswith(end) and "unet" in name
        for part, tensor in change(target, torch.empty(0)).items()
    }
    path = tmp_path / "lora.safetensors"
    kohya.write(path, tensors, {})
    strengths = [(0.0, 0.0, ""), (1.0, 1.0, ""), (0.0, 1.0, ""), (0.5, 0.0, ""), (1.0, 0.0, "NONE")]
    base, one, text_alone, half, none = pictures(path, base_file, strengths)
    assert furthest(text_alone, base) <= 1
    assert furthest(none, base) <= 1
    assert furthest(one, base) > 1
    assert furthest(half, base) > 1
    assert furthest(half, one) > 1
    assert pictures(path, base_file, strengths)[1].tobytes() == one.tobytes()


UP, DOWN = "lora_up.weight", "lora_down.weight"
OTHERS: dict[str, tuple[dict[str, Tensor], dict[str, str]]] = {
    "is a LoRA of Stable Diffusion XL; this base model is Stable Diffusion 1": (
        {f"lora_unet_input_blocks_4_1_proj_in.{end}": small(8, 8) for end in (UP, DOWN)},
        {"ss_base_model_version": "sdxl_base_v1-0"},
    ),
    "is a LoRA of Stable Diffusion 2; this base model is Stable Diffusion 1": (
        {f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.{DOWN}": small(4, 1024),
         f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.{UP}": small(320, 4)},
        {},
    ),
    "is a LoRA of FLUX.1; this base model is Stable Diffusion 1": (
        {f"lora_unet_double_blocks_0_img_attn_proj.{end}": small(8, 8) for end in (UP, DOWN)},
        {},
    ),
    "is a LoRA of Anima; this base model is Stable Diffusion 1": (
        {f"lora_unet_blocks_0_mlp_layer1.{end}": small(8, 8) for end in (UP, DOWN)},
        {"modelspec.architecture": "anima-preview/lora"},
    ),
    "is a LoRA of Qwen-Image; this base model is Stable Diffusion 1": (
        {f"lora_unet_transformer_blocks_0_img_mod_1.{end}": small(8, 8) for end in (UP, DOWN)},
        {},
    ),
    "doesn't fit this base model: lora_unet_somewhere is unknown or of another size": (
        {f"lora_unet_somewhere.{end}": small(8, 8) for end in (UP, DOWN)},
        {},
    ),
    "is of a kind that can't be drawn without a webui: lora_unet_mid_block_attentions_0_proj_in has tomorrow": (
        {"lora_unet_mid_block_attentions_0_proj_in.tomorrow": small(8)},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", OTHERS)
def test_what_cant_be_drawn_is_told_by_name(told: str, base_file: Path, tmp_path: Path) -> None:
    tensors, metadata = OTHERS[told]
    path = tmp_path / "lora.safetensors"
    kohya.write(path, tensors, metadata)
    base, one = drawn(cells(path, base_file, [(0.0, 0.0, ""), (1.0, 1.0, "")]))
    assert base.picture is not None
    assert one.picture is None
    assert one.error.startswith(f"lora.safetensors {told}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, ""),
        ({"network_module": "networks.dylora"}, ""),
        ({"network_module": "lycoris.kohya", "network_args": ["algo=LoKr", "factor=8"]}, ""),
        ({"network_module": "lycoris.kohya", "network_args": "preset=full algo=diag-oft"}, ""),
        ({"network_module": "lycoris.kohya"}, ""),
        ({"network_module": "lycoris.kohya", "network_args": ["algo=tlora"]}, "LyCORIS' algorithm tlora"),
        ({"network_module": "mine.own"}, "the networks of mine.own"),
    ],
)
def test_what_cant_be_drawn_is_told_before_the_training(
    base_file: Path, arguments: dict[str, Any], told: str
) -> None:
    found = detect(base_file)
    sentence = why_not(found, arguments, "Euler a", "Automatic")
    assert sentence == (f"our own renderer doesn't know {told}" if told else "")
    assert why_not(found, {}, "Restart", "Automatic").startswith("sampler 'Restart' is none of the renderer")
    flux = Found(BY_NAME["flux"])
    assert why_not(flux, arguments, "Euler", "Automatic") == "our own renderer doesn't draw FLUX.1"
    for family in ("sd2", "sdxl"):
        assert why_not(Found(BY_NAME[family]), {}, "Euler", "Automatic") == ""


def test_where_memory_is_short_a_large_picture_is_decoded_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from train_tools.families.loading import load
    from train_tools.small_models import base_model_file

    base = load(base_model_file())
    # Stripes: as each tile is normalised by itself, it must be like the others for its colours to stay.
    across = torch.linspace(0, 24 * torch.pi, 768).sin().expand(64, -1) * 0.8
    pixels = torch.stack([across, -across, torch.zeros(64, 768)])
    with torch.no_grad():
        latents = base.encode_image(pixels[None])
        (whole,) = decoding.decode(base, latents)
        monkeypatch.setattr(memory, "free", lambda _device: 0)
        tiles = decoding.decode(base, latents.repeat(2, 1, 1, 1))
    assert [tile.size for tile in tiles] == [(768, 64)] * 2
    assert not base.vae.use_tiling
    difference = np.abs(np.int16(whole) - np.int16(tiles[0]))  # type: ignore[arg-type]
    assert difference.max() > 0
    assert difference.mean() < 8
