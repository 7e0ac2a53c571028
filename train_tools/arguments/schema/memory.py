"""Rows: what is kept from step to step, in which number format, and what is moved to save memory."""

from __future__ import annotations

from train_tools.arguments.argument import SAME_RESULT, Argument, depends, flag, path, row
from train_tools.families.registry import FLOWS

ONE_ATTENTION = "only one way of attention is used"
HALF = depends("mixed_precision", "fp16", "bf16", because="fp8 weights are computed with in half precision")
KEPT = "captions that are encoded once don't change"
FIXED_TEXTS = (
    depends("shuffle_caption", because=KEPT)
    + depends("caption_tag_dropout_rate", because=KEPT)
    + depends("token_warmup_step", because=KEPT)
    + depends("caption_dropout_rate", because=KEPT, families=("sdxl", *FLOWS[:-1]))
)
FROZEN_TEXT = depends("network_train_unet_only", True, families=("sdxl", "anima"),
                      because="a text encoder can't learn from outputs that were kept before")  # fmt: skip
CACHES_TEXTS = ("sdxl", *FLOWS)

ROWS: tuple[Argument, ...] = (
    # Number formats
    row("mixed_precision", "str", "no", ours="bf16",
        reason="half the memory and about twice the speed on today's GPUs", choices=("no", "fp16", "bf16"),
        short="mp"),
    flag("full_fp16", importance="expert",
        needs=depends("mixed_precision", "fp16", because="everything is computed in that format")),
    flag("full_bf16", importance="expert",
        needs=depends("mixed_precision", "bf16", because="everything is computed in that format")),
    flag("fp8_base", short="fp8", needs=HALF),
    flag("fp8_base_unet", short="fp8u", needs=HALF),
    flag("fp8_scaled", families=("hunyuan_image",),
        excludes=depends("fp8_base", because="scaled fp8 takes its place")
        + depends("fp8_base_unet", because="scaled fp8 takes its place")),
    flag("fp8_vl", families=("hunyuan_image",)),
    # What is computed again, or elsewhere
    flag("gradient_checkpointing", short="gc", same_result=True),
    flag("cpu_offload_checkpointing", short="cpuck", importance="expert",
        needs=depends("gradient_checkpointing", is_fatal=False, because="there is nothing to move without it"),
        same_result=True),
    flag("unsloth_offload_checkpointing", families=("anima",),
        excludes=depends("cpu_offload_checkpointing", because="they move the same activations")
        + depends("blocks_to_swap", because="it can't be combined with swapping"),
        same_result=True),
    row("blocks_to_swap", "int", None, minimum=0, short="swap", families=FLOWS,
        excludes=depends("cpu_offload_checkpointing", because="it can't be combined with swapping"),
        same_result=True),
    flag("text_encoder_cpu", families=("hunyuan_image",), not_an_axis=SAME_RESULT),
    row("vae_chunk_size", "int", None, minimum=2, families=("anima", "hunyuan_image"), not_an_axis=SAME_RESULT),
    flag("vae_disable_cache", families=("anima",), importance="expert"),
    flag("fused_backward_pass", importance="expert",
        needs=depends("optimizer_type", "Adafactor", because="only Adafactor can step so"),
        excludes=depends("gradient_accumulation_steps", because="gradients aren't kept")),
    flag("lowram", not_an_axis=SAME_RESULT),
    flag("highvram", importance="expert", not_an_axis=SAME_RESULT),
    # Attention
    flag("sdpa",
        excludes=depends("xformers", is_fatal=False, because=ONE_ATTENTION)
        + depends("mem_eff_attn", is_fatal=False, because=ONE_ATTENTION),
        same_result=True),
    flag("xformers", excludes=depends("mem_eff_attn", is_fatal=False, because=ONE_ATTENTION), same_result=True),
    flag("mem_eff_attn", importance="expert", same_result=True),
    row("attn_mode", "str", None, families=("anima", "hunyuan_image"),
        choices=("torch", "xformers", "flash", "sageattn", "sdpa"),
        needs=depends("split_attn", when=("xformers",), because="xformers takes one image at a time there"),
        same_result=True),
    flag("split_attn", families=("anima", "hunyuan_image"), not_an_axis=SAME_RESULT),
    flag("use_flash_attn", families=("lumina",), same_result=True),
    flag("use_sage_attn", families=("lumina",), importance="expert"),
    flag("torch_compile", importance="expert", same_result=True),
    row("dynamo_backend", "str", "inductor", importance="expert",
        choices=("eager", "aot_eager", "inductor", "aot_ts_nvfuser", "nvprims_nvfuser", "cudagraphs", "ofi",
            "fx2trt", "onnxrt", "tensort", "ipex", "tvm"),
        needs=depends("torch_compile", is_fatal=False, because="nothing is compiled without it"),
        same_result=True),
    # What is encoded once
    flag("cache_latents", ours=True, reason="faster and smaller, and equal in result", short="cl"),
    flag("cache_latents_to_disk", short="cld", same_result=True),
    row("vae_batch_size", "int", 1, minimum=1, short="vbs", importance="expert", same_result=True),
    flag("cache_text_encoder_outputs", short="cte", families=CACHES_TEXTS, needs=FROZEN_TEXT,
        excludes=FIXED_TEXTS, same_result=True),
    flag("cache_text_encoder_outputs_to_disk", short="cted", families=CACHES_TEXTS, needs=FROZEN_TEXT,
        excludes=FIXED_TEXTS, same_result=True),
    row("text_encoder_batch_size", "int", None, minimum=1, families=FLOWS, importance="expert",
        not_an_axis=SAME_RESULT),
    flag("skip_cache_check", importance="expert", not_an_axis=SAME_RESULT),
    row("t5xxl_device", "str", None, families=("sd3",), importance="expert", not_an_axis=SAME_RESULT,
        opens="part"),
    row("t5xxl_dtype", "str", None, families=("sd3",), importance="expert", opens="part"),
    # Several GPUs
    row("ddp_timeout", "int", None, minimum=1, importance="expert", not_an_axis=SAME_RESULT),
    flag("ddp_gradient_as_bucket_view", importance="expert", not_an_axis=SAME_RESULT),
    flag("ddp_static_graph", importance="expert", not_an_axis=SAME_RESULT),
    flag("deepspeed", importance="expert"),
    row("zero_stage", "int", 2, choices=(0, 1, 2, 3), importance="expert"),
    row("offload_optimizer_device", "str", None, choices=("cpu", "nvme"), importance="expert"),
    path("offload_optimizer_nvme_path", importance="expert", not_an_axis=SAME_RESULT, opens="writes"),
    row("offload_param_device", "str", None, choices=("cpu", "nvme"), importance="expert"),
    path("offload_param_nvme_path", importance="expert", not_an_axis=SAME_RESULT, opens="writes"),
    flag("zero3_init_flag", importance="expert"),
    flag("zero3_save_16bit_model", importance="expert"),
    flag("fp16_master_weights_and_gradients", importance="expert"),
)  # fmt: skip
