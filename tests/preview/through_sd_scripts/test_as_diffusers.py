"""FLUX.1 through sd-scripts and by diffusers' own pipeline: one picture, of the same weights and LoRA.

diffusers' pipelines were tried as renderers, too. They are equal where they know a network; but of those that
sd-scripts trains they know plain LoRA alone: LoKr and LoHa files load without a word and change nothing, OFT is
refused, and what sd-scripts' environment brings of diffusers knows neither Anima nor HunyuanImage nor Chroma.
"""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.loaders import lora_conversion_utils, lora_pipeline, single_file_utils
from preview.through_sd_scripts.asked import Drawer, cell, checkpoint
from preview.through_sd_scripts.conftest import Workshop
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

pytestmark = [pytest.mark.real_sd_scripts, pytest.mark.slow]

PROMPT, SEED, STEPS, GUIDANCE, SIDE = "a cat", 1, 8, 3.5, 64
CLIP = {
    "vocab_size": 49408, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "projection_dim": 32, "hidden_act": "gelu", "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
T5 = {
    "vocab_size": 32128, "d_model": 96, "d_ff": 64, "d_kv": 16, "num_heads": 2, "num_layers": 2,
    "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
}  # fmt: skip


def narrowed(module: ModuleType, function: str, old: str, new: str) -> Any:
    """A function of diffusers' in which sizes are written, with those of the narrow model."""
    source = textwrap.dedent(inspect.getsource(getattr(module, function)))
    assert old in source, f"{function} says {old} no more"
    names = dict(vars(module))
    exec(source.replace(old, new), names)
    return names[function]


def floats(path: str) -> dict[str, torch.Tensor]:
    return {name: value.float() for name, value in load_file(path).items()}


def clip(path: str) -> CLIPTextModel:
    made = CLIPTextModel(CLIPTextConfig(**CLIP))
    names = made.state_dict()
    inner = {name: name if name in names else name.removeprefix("text_model.") for name in floats(path)}
    made.load_state_dict({inner[name]: value for name, value in floats(path).items()}, strict=False)
    return made.eval()


def t5(path: str) -> T5EncoderModel:
    made = T5EncoderModel(T5Config(**T5))
    made.load_state_dict(floats(path), strict=False)
    return made.eval()


def pipeline(models: dict[str, str], tokenizers: Path) -> diffusers.FluxPipeline:
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=96, pooled_projection_dim=32, guidance_embeds=True, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    convert = narrowed(
        single_file_utils,
        "convert_flux_transformer_checkpoint_to_diffusers",
        "inner_dim = 3072",
        "inner_dim = 32",
    )
    transformer.load_state_dict(convert(floats(models["pretrained_model_name_or_path"])))
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32,) * 4, layers_per_block=1, latent_channels=16, scaling_factor=0.3611,
        shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    vae.load_state_dict(single_file_utils.convert_ldm_vae_checkpoint(floats(models["ae"]), vae.config))
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae.eval(),
        text_encoder=clip(models["clip_l"]),
        tokenizer=CLIPTokenizer.from_pretrained(tokenizers / "openai_clip-vit-large-patch14"),
        text_encoder_2=t5(models["t5xxl"]),
        tokenizer_2=AutoTokenizer.from_pretrained(tokenizers / "google_t5-v1_1-xxl"),
        transformer=transformer.eval(),
    )


def draw(flux: diffusers.FluxPipeline) -> np.ndarray[Any, Any]:
    noise = torch.randn((1, SIDE // 16 * SIDE // 16, 64), generator=torch.Generator().manual_seed(SEED))
    made = flux(
        PROMPT, height=SIDE, width=SIDE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, latents=noise
    )
    return np.asarray(made.images[0]).astype(int)


def test_it_is_the_picture_of_diffusers(
    workshop: Workshop, drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lokr = workshop.loras(
        "flux", [("networks.lora_flux",), ("lycoris.kohya", "algo=lokr", "preset=attn-mlp")]
    )
    recipe = {"prompt": PROMPT, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE, "cfg_scale": 1.0}
    files = [checkpoint(workshop.run("flux"), one) for one in (path, lokr)]
    asked = [cell(files[0], weight=0.0, **recipe), *(cell(of, weight=1.0, **recipe) for of in files)]
    base, whole, of_lokr = (picture.astype(int) for picture in drawer.draw(asked))

    flux = pipeline(workshop.models("flux"), workshop.folder / "tokenizers")
    theirs = draw(flux)
    assert np.abs(theirs - base).max() <= 1
    convert = narrowed(
        lora_conversion_utils,
        "_convert_kohya_flux_lora_to_diffusers",
        "3072, 3072, 3072, 12288",
        "32, 32, 32, 128",
    )
    monkeypatch.setattr(lora_pipeline, "_convert_kohya_flux_lora_to_diffusers", convert)
    flux.load_lora_weights(str(path))
    assert np.abs(draw(flux) - whole).max() <= 1
    assert np.abs(whole - base).max() > 50
    flux.unload_lora_weights()
    flux.load_lora_weights(str(lokr))
    assert np.abs(draw(flux) - theirs).max() == 0  # without a word
    assert np.abs(of_lokr - base).max() > 50
