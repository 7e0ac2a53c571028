"""The `.yaml` by which AUTOMATIC1111 builds a Stable Diffusion 1 model of unusual sizes."""

from __future__ import annotations

from typing import Any

import yaml

from train_tools.families.stable_diffusion.base import BaseModel


def text(model: BaseModel, text_encoder: str) -> str:
    """The configuration; `text_encoder` is the folder of the text encoder's `config.json`, absolute or beside it."""
    unet, vae = model.unet.config, model.vae.config
    width = unet.block_out_channels[0]
    vae_width = vae.block_out_channels[0]
    unet_parameters: dict[str, Any] = {
        "image_size": 32,
        "in_channels": unet.in_channels,
        "out_channels": unet.out_channels,
        "model_channels": width,
        "attention_resolutions": [4, 2, 1],
        "num_res_blocks": unet.layers_per_block,
        "channel_mult": [c // width for c in unet.block_out_channels],
        "num_heads": unet.attention_head_dim,
        "use_spatial_transformer": True,
        "transformer_depth": 1,
        "context_dim": unet.cross_attention_dim,
        "use_checkpoint": False,
        "legacy": False,
    }
    vae_parameters = {
        "embed_dim": vae.latent_channels,
        "ddconfig": {
            "double_z": True,
            "z_channels": vae.latent_channels,
            "resolution": 256,
            "in_channels": 3,
            "out_ch": 3,
            "ch": vae_width,
            "ch_mult": [c // vae_width for c in vae.block_out_channels],
            "num_res_blocks": vae.layers_per_block,
            "attn_resolutions": [],
            "dropout": 0.0,
        },
        "lossconfig": {"target": "torch.nn.Identity"},
    }
    parameters = {
        "linear_start": model.noise["beta_start"],
        "linear_end": model.noise["beta_end"],
        "timesteps": model.noise["num_train_timesteps"],
        "first_stage_key": "jpg",
        "cond_stage_key": "txt",
        "image_size": 8,
        "channels": vae.latent_channels,
        "conditioning_key": "crossattn",
        "scale_factor": model.latent_scale,
        "use_ema": False,
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": unet_parameters,
        },
        "first_stage_config": {"target": "ldm.models.autoencoder.AutoencoderKL", "params": vae_parameters},
        "cond_stage_config": {
            "target": model.webui_text,
            "params": {"version": text_encoder},
        },
    }
    document = {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": parameters}}
    return yaml.safe_dump(document, sort_keys=False)
