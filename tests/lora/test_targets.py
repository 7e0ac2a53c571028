"""The layers of each family under the names of sd-scripts' networks.lora (read off 48d368fa), at their true sizes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace

import pytest

from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.sd2.model import StableDiffusion2
from train_tools.families.sdxl.model import StableDiffusionXL
from train_tools.families.stable_diffusion.base import BaseModel, Sizes
from train_tools.families.stable_diffusion.narrow import without_memory
from train_tools.lora.targets import Model, Target, layers_of, targets_of

WIDTHS = (320, 640, 1280, 1280)
TRUE = {
    StableDiffusion1: Sizes(WIDTHS, (1, 1, 1, 0), ((768, 12),)),
    StableDiffusion2: Sizes(WIDTHS, (1, 1, 1, 0), ((1024, 23),)),
    StableDiffusionXL: Sizes(WIDTHS[:3], (0, 2, 10), ((768, 12), (1280, 32))),
}
LINEAR = (
    *(f"attn{n}_to_{which}" for n in (1, 2) for which in ("q", "k", "v", "out_0")), "ff_net_0_proj", "ff_net_2",
)  # fmt: skip
TEXT_LINEAR = (
    *(f"self_attn_{which}_proj" for which in ("q", "k", "v", "out")), "mlp_fc1", "mlp_fc2",
)  # fmt: skip


@cache
def model(kind: type[BaseModel]) -> Model:
    """Without memory for its weights."""
    unet, _, *texts = without_memory(kind, TRUE[kind])
    return SimpleNamespace(unet=unet, text_encoders=texts)


def transformer(block: str, depth: int) -> Iterator[str]:
    yield from (f"lora_unet_{block}_{end}" for end in ("proj_in", "proj_out"))
    for layer in range(depth):
        yield from (f"lora_unet_{block}_transformer_blocks_{layer}_{name}" for name in LINEAR)


def text(prefix: str, layers: int) -> Iterator[str]:
    for layer in range(layers):
        yield from (f"{prefix}_text_model_encoder_layers_{layer}_{name}" for name in TEXT_LINEAR)


def of_sd(text_layers: int) -> Iterator[str]:
    for side, levels, count in (("down", (0, 1, 2), 2), ("up", (1, 2, 3), 3)):
        for level in levels:
            for number in range(count):
                yield from transformer(f"{side}_blocks_{level}_attentions_{number}", 1)
    yield from transformer("mid_block_attentions_0", 1)
    yield from text("lora_te", text_layers)


def of_xl() -> Iterator[str]:
    for block, depth in ((4, 2), (5, 2), (7, 10), (8, 10)):
        yield from transformer(f"input_blocks_{block}_1", depth)
    yield from transformer("middle_block_1", 10)
    for block, depth in ((0, 10), (1, 10), (2, 10), (3, 2), (4, 2), (5, 2)):
        yield from transformer(f"output_blocks_{block}_1", depth)
    yield from text("lora_te1", 12)
    yield from text("lora_te2", 32)


def kernels_of_xl() -> Iterator[str]:
    """What conv_dim adds: the residual blocks, and what makes pictures larger and smaller."""
    widened = ("input_blocks_4", "input_blocks_7", *(f"output_blocks_{n}" for n in range(9)))
    blocks = [f"input_blocks_{n}" for n in (1, 2, 4, 5, 7, 8)] + [f"output_blocks_{n}" for n in range(9)]
    for block in [*(f"{block}_0" for block in blocks), "middle_block_0", "middle_block_2"]:
        yield from (f"lora_unet_{block}_{end}" for end in ("in_layers_2", "emb_layers_1", "out_layers_3"))
        if block.rpartition("_")[0] in widened:
            yield f"lora_unet_{block}_skip_connection"
    yield from (f"lora_unet_input_blocks_{n}_0_op" for n in (3, 6))
    yield from (f"lora_unet_output_blocks_{n}_2_conv" for n in (2, 5))


@pytest.mark.parametrize(
    ("kind", "names", "count"),
    [
        (StableDiffusion1, of_sd(12), 264),
        (StableDiffusion2, of_sd(23), 330),
        (StableDiffusionXL, of_xl(), 986),
    ],
)
def test_the_layers_are_those_of_networks_lora(
    kind: type[BaseModel], names: Iterator[str], count: int
) -> None:
    found = targets_of(model(kind), kind.family.network.names)
    assert len(found) == count
    assert {target.name for target in found} == set(names)
    (to_text,) = {target.in_features for target in found if target.name.endswith("_attn2_to_k")}
    assert to_text == kind.family.network.text_width


def test_conv_dim_adds_the_kernels() -> None:
    names = StableDiffusionXL.family.network.names
    plain, with_kernels = (targets_of(model(StableDiffusionXL), names, kernels) for kernels in (False, True))
    assert {t.name for t in with_kernels} - {t.name for t in plain} == set(kernels_of_xl())
    assert len(with_kernels) == 1052
    (larger,) = (t for t in with_kernels if t.name == "lora_unet_output_blocks_2_2_conv")
    assert (larger.in_features, larger.out_features) == (9 * 1280, 1280)
    names = StableDiffusion1.family.network.names
    assert len(targets_of(model(StableDiffusion1), names, kernels=True)) == 350


def test_a_layer_of_xl_is_found_by_both_of_its_names() -> None:
    layers = layers_of(model(StableDiffusionXL), StableDiffusionXL.family.network.names)

    def one(name: str) -> Target:
        return layers[f"lora_unet_{name}"]

    for original, diffusers in (
        ("input_blocks_4_1_proj_in", "down_blocks_1_attentions_0_proj_in"),
        ("output_blocks_5_2_conv", "up_blocks_1_upsamplers_0_conv"),
        ("label_emb_0_2", "add_embedding_linear_2"),
        ("middle_block_1_transformer_blocks_9_norm3", "mid_block_attentions_0_transformer_blocks_9_norm3"),
        ("out_0", "conv_norm_out"),
    ):
        assert one(original) is one(diffusers)
        assert one(diffusers).name == f"lora_unet_{original}"
    assert layers["lora_te2_text_model_encoder_layers_31_mlp_fc2"].is_text
    # As networks.dylora saves them, which calls both encoders' layers alike.
    assert layers["lora_te_text_model_encoder_layers_0_mlp_fc2"].in_features == 5120
