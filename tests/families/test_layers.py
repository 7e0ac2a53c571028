"""Which layers a LoRA changes, against the models' modules and what is known of their checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.families.layers import CLIP_G, CLIP_L, Layers
from train_tools.families.registry import BY_NAME
from train_tools.planning.lora_size import SD15, LoraShape, factors_of, lora_bytes

SD1 = {"cross_attention_dim": 768, "attention_head_dim": 8}
SDXL = {
    "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20), "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10), "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip


def unet(**config: Any) -> nn.Module:
    with torch.device("meta"):
        return UNet2DConditionModel(**config)


def clip(width: int, inner: int, layers: int) -> nn.Module:
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=width // 64
    )
    with torch.device("meta"):
        return CLIPTextModel(config)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def chosen(model: nn.Module, parents: tuple[str, ...]) -> Iterator[nn.Module]:
    """As networks.lora does it: linear and convolution layers below modules of these classes, each once."""
    seen = set()
    for parent in model.modules():
        if type(parent).__name__ in parents:
            for layer in parent.modules():
                if isinstance(layer, nn.Linear | nn.Conv2d) and id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer


def counted(layers: Iterator[nn.Module], *, kernels: bool) -> Layers:
    found = Layers()
    for layer in layers:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        if (weight.ndim == 4 and weight.shape[2] > 1) == kernels:
            found += Layers(1, weight.shape[0] + weight[0].numel())
    return found


def normalisations(model: nn.Module, parents: tuple[str, ...]) -> Layers:
    """As LyCORIS finds them: by the names of their classes."""
    found = Layers()
    for parent in model.modules():
        if type(parent).__name__ in parents:
            for layer in parent.modules():
                if "Norm" in type(layer).__name__:
                    found += Layers(1, sum(tensor.numel() for tensor in layer.parameters()))
    return found


@pytest.mark.parametrize(("family", "config", "count"), [("sd1", SD1, 192), ("sdxl", SDXL, 722)])
def test_the_unets_layers_are_those_that_networks_lora_takes(
    family: str, config: dict[str, Any], count: int
) -> None:
    model = unet(**config)
    found = BY_NAME[family].network.targets(shapes(model))
    assert found.unet.count == count
    assert found.unet == counted(chosen(model, ("Transformer2DModel",)), kernels=False)
    resnets = ("ResnetBlock2D", "Downsample2D", "Upsample2D")
    assert found.kernels == counted(chosen(model, resnets), kernels=True)
    assert found.beside_kernels == counted(chosen(model, resnets), kernels=False)
    assert found.norms == normalisations(model, ("Transformer2DModel",))
    assert found.kernel_norms == normalisations(model, resnets)
    assert found.unet_parameters == sum(p.numel() for p in model.parameters())


def test_stable_diffusion_15_is_known_without_its_file() -> None:
    found = BY_NAME["sd1"].network.targets(shapes(unet(**SD1)) | shapes(clip(768, 3072, 12)))
    assert found == SD15.targets


def test_both_text_encoders_of_sdxl_count() -> None:
    hugging = {f"conditioner.embedders.0.transformer.{n}": s for n, s in shapes(clip(768, 3072, 12)).items()}
    assert BY_NAME["sdxl"].network.targets(hugging).text == CLIP_L
    block = {
        "attn.in_proj_weight": (3840, 1280), "attn.out_proj.weight": (1280, 1280), "attn.in_proj_bias": (3840,),
        "mlp.c_fc.weight": (5120, 1280), "mlp.c_proj.weight": (1280, 5120), "ln_1.weight": (1280,),
    }  # fmt: skip
    start = "conditioner.embedders.1.model.transformer.resblocks"
    open_clip = {f"{start}.{n}.{name}": shape for n in range(32) for name, shape in block.items()}
    assert BY_NAME["sdxl"].network.targets(hugging | open_clip).text == CLIP_L + CLIP_G


def test_stable_diffusion_2_leaves_its_last_text_layer_out() -> None:
    start = "cond_stage_model.model.transformer.resblocks"
    text = {f"{start}.{n}.attn.out_proj.weight": (1024, 1024) for n in range(24)}
    assert BY_NAME["sd1"].network.targets(text).text == Layers(23, 23 * 2048)


FLUX = {
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072), "double_blocks.0.img_mod.lin.weight": (18432, 3072),
    "double_blocks.0.img_attn.norm.query_norm.scale": (128,), "single_blocks.0.linear1.weight": (21504, 3072),
    "single_blocks.0.linear1.bias": (21504,), "img_in.weight": (3072, 64), "final_layer.linear.weight": (64, 3072),
}  # fmt: skip
SD3 = {
    "joint_blocks.0.x_block.attn.qkv.weight": (4608, 1536), "joint_blocks.0.context_block.mlp.fc1.weight": (6144, 1536),
    "joint_blocks.0.x_block.adaLN_modulation.1.bias": (9216,), "x_embedder.proj.weight": (1536, 16, 2, 2),
}  # fmt: skip
LUMINA = {
    "layers.0.attention.qkv.weight": (3840, 2304), "noise_refiner.0.feed_forward.w1.weight": (9216, 2304),
    "layers.0.attention_norm1.weight": (2304,),
    "final_layer.linear.weight": (64, 2304), "x_embedder.weight": (2304, 64),
}  # fmt: skip
ANIMA = {
    "net.blocks.0.self_attn.q_proj.weight": (2048, 2048), "net.blocks.0.adaln_modulation_mlp.1.weight": (256, 2048),
    "net.llm_adapter.blocks.0.mlp.0.weight": (4096, 1024), "net.blocks.0.self_attn.q_norm.weight": (128,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "tensors", "layers"),
    [
        ("flux", FLUX, Layers(3, 12288 + 21504 + 24576)),
        ("chroma", FLUX, Layers(3, 12288 + 21504 + 24576)),
        ("sd3", SD3, Layers(2, 6144 + 7680)),
        ("lumina", LUMINA, Layers(3, 6144 + 11520 + 2368)),
        ("anima", ANIMA, Layers(1, 4096)),
    ],
)
def test_transformers_count_the_linear_layers_of_their_blocks(
    family: str, tensors: dict[str, tuple[int, ...]], layers: Layers
) -> None:
    assert BY_NAME[family].network.targets(tensors).unet == layers


ARGUMENTS = {
    "network_dim": 8, "network_train_unet_only": False, "network_train_text_encoder_only": False,
    "save_precision": "fp16", "network_args": [],
}  # fmt: skip


def test_what_a_network_holds() -> None:
    plain = factors_of(SD15, ARGUMENTS)
    assert plain.layers == 264
    assert plain.numbers == 8 * (423_936 + 165_888)
    conv = factors_of(SD15, {**ARGUMENTS, "network_args": ["conv_dim=4", "conv_alpha=1"]})
    assert conv.layers > plain.layers
    assert (
        conv.numbers == plain.numbers + 8 * SD15.targets.beside_kernels.width + 4 * SD15.targets.kernels.width
    )
    lora, loha = (
        factors_of(SD15, {**ARGUMENTS, "network_module": "lycoris.kohya", "network_args": [f"algo={algo}"]})
        for algo in ("lora", "loha")
    )
    assert loha.numbers == 2 * lora.numbers
    text = factors_of(SD15, {**ARGUMENTS, "network_train_text_encoder_only": True})
    assert text.layers == 72


def test_a_known_file_size() -> None:
    """A LoRA of Stable Diffusion 1.5 with network_dim 128 in fp16 is the 151 MB that people know."""
    size = lora_bytes(LoraShape(SD15.targets, SD15.parameters), {**ARGUMENTS, "network_dim": 128})
    assert size == pytest.approx(151.1e6, rel=0.005)
