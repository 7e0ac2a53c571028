"""Rows: the base model, its parts in files of their own, and how captions are read by its text encoders."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, path, row
from train_tools.families.registry import FLOWS, FLUXES, UNETS

ROWS: tuple[Argument, ...] = (
    path("pretrained_model_name_or_path", short="base", importance="beginner"),
    path("vae"),
    flag("no_half_vae", short="nhv"),
    flag("v2", importance="expert", acts_in=("sd1", "sd2")),
    flag("v_parameterization", short="vpred", importance="expert", acts_in=UNETS),
    row("clip_skip", "int", None, minimum=1, maximum=12, short="cs", acts_in=("sd1", "sd2")),
    row("max_token_length", "int", None, choices=(150, 225), short="tok", acts_in=UNETS),
    # Files of other families
    path("clip_l", families=("sd3", *FLUXES), acts_in=("sd3", "flux")),
    path("clip_g", families=("sd3",)),
    path("t5xxl", families=("sd3", *FLUXES)),
    path("ae", families=(*FLUXES, "lumina")),
    path("gemma2", families=("lumina",)),
    path("text_encoder", families=("hunyuan_image",)),
    path("byt5", families=("hunyuan_image",)),
    path("qwen3", families=("anima",)),
    path("llm_adapter_path", families=("anima",), importance="expert"),
    path("t5_tokenizer_path", families=("anima",), importance="expert"),
    path("tokenizer_cache_dir", importance="expert", not_an_axis="it doesn't change what is trained",
        opens="writes"),
    path("controlnet_model_name_or_path", families=FLUXES, importance="expert"),
    row("model_type", "str", "flux", choices=("flux", "chroma"), families=FLUXES, importance="expert",
        needs=depends("apply_t5_attn_mask", True, when=("chroma",), because="Chroma was trained with the mask")),
    # How captions are read
    row("t5xxl_max_token_length", "int", None, minimum=1, maximum=512, short="t5tok", families=("sd3", *FLUXES),
        sd_defaults={"sd3": 256}),
    row("gemma2_max_token_length", "int", None, minimum=1, families=("lumina",)),
    row("qwen3_max_token_length", "int", 512, minimum=1, families=("anima",)),
    row("t5_max_token_length", "int", 512, minimum=1, families=("anima",)),
    row("system_prompt", "str", "", families=("lumina",), is_text=True),
    flag("apply_t5_attn_mask", short="t5mask", families=("sd3", *FLUXES)),
    flag("apply_lg_attn_mask", families=("sd3",), importance="expert"),
    row("clip_l_dropout_rate", "float", 0.0, families=("sd3",), minimum=0, maximum=1, importance="expert"),
    row("clip_g_dropout_rate", "float", 0.0, families=("sd3",), minimum=0, maximum=1, importance="expert"),
    row("t5_dropout_rate", "float", 0.0, families=("sd3",), minimum=0, maximum=1, importance="expert"),
    row("guidance_scale", "float", 3.5, minimum=0, short="gs", families=FLUXES),
    flag("enable_scaled_pos_embed", families=("sd3",), importance="expert"),
    row("pos_emb_random_crop_rate", "float", 0.0, families=("sd3",), minimum=0, maximum=1, importance="expert"),
    flag("disable_mmap_load_safetensors", families=("sdxl", *FLOWS), importance="expert",
        not_an_axis="it doesn't change what is trained"),
)  # fmt: skip
