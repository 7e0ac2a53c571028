"""What a LoRA file changes, told from its head: held against the change itself, computed from the factors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from train_tools.hosts.lora_shapes import flat, layers_of, split

Array = np.ndarray
Made = tuple[dict[str, Array], Array]  # factors by the ends of their names, the change


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def lora() -> Made:
    up, down = zeros(6, 2), zeros(2, 10)
    return {"lora_up.weight": up, "lora_down.weight": down, "alpha": zeros()}, up @ down


def peft() -> Made:
    up, down = zeros(6, 2), zeros(2, 10)
    return {"lora_B.weight": up, "lora_A.weight": down}, up @ down


def diffusers() -> Made:
    up, down = zeros(6, 2), zeros(2, 10)
    return {"lora.up.weight": up, "lora.down.weight": down}, up @ down


def convolution() -> Made:
    up, down = zeros(6, 2, 1, 1), zeros(2, 4, 3, 3)
    return {"lora_up.weight": up, "lora_down.weight": down}, np.einsum("or,rikl->oikl", up[:, :, 0, 0], down)


def tucker() -> Made:
    up, mid, down = zeros(6, 2, 1, 1), zeros(2, 2, 3, 3), zeros(2, 4, 1, 1)
    change = np.einsum("or,rskl,si->oikl", up[:, :, 0, 0], mid, down[:, :, 0, 0])
    return {"lora_up.weight": up, "lora_mid.weight": mid, "lora_down.weight": down}, change


def loha() -> Made:
    a, b = zeros(6, 2), zeros(2, 10)
    return {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": a, "hada_w2_b": b}, (a @ b) * (a @ b)


def loha_tucker() -> Made:
    core, a, b = zeros(2, 2, 3, 3), zeros(2, 6), zeros(2, 4)
    half = np.einsum("rskl,ro,si->oikl", core, a, b)
    names = {"hada_t1": core, "hada_w1_a": a, "hada_w1_b": b, "hada_t2": core, "hada_w2_a": a, "hada_w2_b": b}
    return names, half * half


def lokr() -> Made:
    first, a, b = zeros(2, 5), zeros(3, 2), zeros(2, 4)
    return {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b}, np.kron(first, a @ b)


def lokr_convolution() -> Made:
    first, second = zeros(2, 2), zeros(3, 4, 3, 3)
    return {"lokr_w1": first, "lokr_w2": second}, np.kron(first[:, :, None, None], second)


def lokr_tucker() -> Made:
    a1, b1, core, a, b = zeros(2, 1), zeros(1, 2), zeros(2, 2, 3, 3), zeros(2, 3), zeros(2, 4)
    second = np.einsum("rskl,ro,si->oikl", core, a, b)
    change = np.kron((a1 @ b1)[:, :, None, None], second)
    return {"lokr_w1_a": a1, "lokr_w1_b": b1, "lokr_t2": core, "lokr_w2_a": a, "lokr_w2_b": b}, change


def whole() -> Made:
    return {"diff": zeros(6, 4, 3, 3), "diff_b": zeros(6)}, zeros(6, 4, 3, 3)


def norm() -> Made:
    return {"w_norm": zeros(6), "b_norm": zeros(6)}, zeros(6)


KINDS = (
    lora, peft, diffusers, convolution, tucker, loha, loha_tucker, lokr, lokr_convolution, lokr_tucker, whole, norm
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["lora_unet_a_b", "transformer.blocks.0.attn.to_q", "lora_te1_c"])
def test_the_change_is_told(kind: Callable[[], Made], name: str) -> None:
    factors, change = kind()
    (layer,) = layers_of({f"{name}.{end}": tensor.shape for end, tensor in factors.items()})
    assert layer.name == name
    assert layer.change == flat(change.shape)
    assert layer.is_text == name.startswith("lora_te")


@pytest.mark.parametrize("end", ["oft_blocks", "oft_diag", "a1.weight", "weight"])
def test_what_the_head_doesnt_tell_isnt_guessed(end: str) -> None:
    (layer,) = layers_of({f"lora_unet_a.{end}": (4, 2, 2), "lora_unet_a.alpha": ()})
    assert (layer.name, layer.change) == ("lora_unet_a", None)


def test_embeddings_that_a_file_brings_along_are_no_layers() -> None:
    found = layers_of({"bundle_emb.zorb.clip_l": (2, 4), "lora_unet_a.diff": (2, 2)})
    assert [layer.name for layer in found] == ["lora_unet_a"]


@pytest.mark.parametrize(
    ("tensor", "layer", "part"),
    [
        ("lora_unet_a.lora_up.weight", "lora_unet_a", "up"),
        ("unet.a.processor.to_q_lora.down.weight", "unet.a.processor.to_q", "down"),
        ("transformer.a.lora_A.default.weight", "transformer.a", "down"),
        ("diffusion_model.a.lora_B.bias", "diffusion_model.a", "lora_B.bias"),
        ("lora_unet_a.new_kind.weight_1", "lora_unet_a", "new_kind.weight_1"),
    ],
)
def test_names(tensor: str, layer: str, part: str) -> None:
    assert split(tensor) == (layer, part)
