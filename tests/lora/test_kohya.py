"""LoRA files as sd-scripts' users know them, and as diffusers reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file
from small_base import random_base

from train_tools.errors import TrainToolsError
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.latents import SCHEDULER
from train_tools.lora import fit, kohya
from train_tools.lora.names import Names
from train_tools.lora.stack import Delta, LoraStack
from train_tools.lora.targets import layers_of, text_targets, unet_targets


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return random_base()


def stack_of(base: BaseModel, ranks: list[int]) -> LoraStack:
    stack = LoraStack(
        unet_targets(base.unet) + text_targets(base.text_encoders[0]), ranks, [r / 2 for r in ranks]
    )
    generator = torch.Generator().manual_seed(0)
    for delta in stack.deltas:
        for index, rank in enumerate(ranks):
            delta.down[index, :rank] = torch.randn(delta.down[index, :rank].shape, generator=generator)
            delta.up[index, :, :rank] = (
                torch.randn(delta.up[index, :, :rank].shape, generator=generator) * 0.1
            )
    return stack


def by_name(stack: LoraStack) -> list[Delta]:
    return sorted(stack.deltas, key=lambda delta: delta.target.name)


def test_the_modules_are_those_of_sd_scripts(base: BaseModel) -> None:
    unet = [t.name for t in unet_targets(base.unet)]
    assert len(unet) == 192
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_out_0" in unet
    assert "lora_unet_mid_block_attentions_0_proj_in" in unet
    assert "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_0_proj" in unet
    assert not any("resnets" in name for name in unet)
    text = [t.name for t in text_targets(base.text_encoders[0])]
    assert len(text) == 6 * base.text_encoders[0].config.num_hidden_layers
    assert "lora_te_text_model_encoder_layers_1_mlp_fc2" in text
    assert "lora_te_text_model_encoder_layers_0_self_attn_out_proj" in text


def test_a_stack_survives_files_with_other_ranks_beside_it(base: BaseModel, tmp_path: Path) -> None:
    stack = stack_of(base, [2, 4])
    paths = [tmp_path / "two.safetensors", tmp_path / "四.safetensors"]
    for index, path in enumerate(paths):
        kohya.write(path, kohya.tensors_of(stack, index, torch.float32), {"ss_epoch": "3"})
    files = [kohya.read(path) for path in paths]
    again = fit.stack_of([fit.fit(file, layers_of(base, Names())) for file in files])
    assert {(delta.ranks, delta.alphas) for delta in again.deltas} == {((2, 4), (1.0, 2.0))}
    for mine, theirs in zip(by_name(again), by_name(stack), strict=True):
        assert torch.equal(mine.down, theirs.down)
        assert torch.equal(mine.up, theirs.up)
    assert files[0].metadata["ss_epoch"] == "3"
    assert len(files[0].metadata["sshs_model_hash"]) == 64
    shapes = {n: tuple(t.shape) for n, t in load_file(paths[0]).items()}
    assert shapes["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"] == (2, 64, 1, 1)
    assert shapes["lora_unet_mid_block_attentions_0_proj_in.alpha"] == ()


def test_diffusers_applies_the_file_as_we_do(base: BaseModel, tmp_path: Path) -> None:
    stack = stack_of(base, [4])
    path = tmp_path / "lora.safetensors"
    kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), {})
    latents, step = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([500])
    ids = torch.arange(77)[None]

    def predict(unet: torch.nn.Module, text: torch.nn.Module) -> torch.Tensor:
        with torch.no_grad():
            return unet(latents, step, text(ids).last_hidden_state).sample

    plain = predict(base.unet, base.text_encoders[0])
    with stack.attached():
        ours = predict(base.unet, base.text_encoders[0])
    torch.testing.assert_close(predict(base.unet, base.text_encoders[0]), plain)  # detached again
    other = random_base()
    pipeline = StableDiffusionPipeline(
        other.vae, other.text_encoders[0], other.tokenizers[0], other.unet, DDIMScheduler(**SCHEDULER),
        None, None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.load_lora_weights(tmp_path, weight_name=path.name)
    theirs = predict(pipeline.unet, pipeline.text_encoder)
    assert (ours - plain).abs().max() > 0.01
    torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4)


def test_multipliers_are_each_samples_own(base: BaseModel) -> None:
    stack = stack_of(base, [4, 4])
    ids = torch.arange(77)[None].expand(4, -1)
    with torch.no_grad():
        plain = base.text_encoders[0](ids).last_hidden_state
        with stack.attached(), stack.multiplied(torch.tensor([[0.0, 1.0], [0.5, 1.0]])):
            packed = base.text_encoders[0](ids).last_hidden_state
        with stack.attached(), stack.multiplied(torch.ones(2, 2)):
            full = base.text_encoders[0](ids).last_hidden_state
    torch.testing.assert_close(packed[0], plain[0])
    torch.testing.assert_close(packed[[1, 3]], full[[1, 3]])
    assert (packed[2] - plain[2]).abs().max() > 1e-3
    assert (packed[2] - full[2]).abs().max() > 1e-3


def test_damaged_and_foreign_files_are_refused_in_words(base: BaseModel, tmp_path: Path) -> None:
    stack = stack_of(base, [2])
    path = tmp_path / "lora.safetensors"
    tensors = kohya.tensors_of(stack, 0, torch.float16)
    kohya.write(path, tensors, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainToolsError, match="can't be read"):
        kohya.read(path)
    renamed = {f"lora_other_{name}": tensor for name, tensor in tensors.items()}
    kohya.write(path, renamed, {})
    with pytest.raises(TrainToolsError, match="doesn't fit this base model"):
        fit.fit(kohya.read(path), layers_of(base, Names()))
