"""What the packed engine knows of sd-scripts' arguments. Imports no torch: planning asks this often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.families.interface import Found

OPTIMIZERS = ("adamw", "lion")
SCHEDULERS = ("constant", "constant_with_warmup", "cosine")
PRECISIONS = ("no", "bf16")
OPTIMIZER_ARGS = {"adamw": ("betas", "eps", "weight_decay"), "lion": ("betas", "weight_decay")}

# Arguments that the engine acts on, one run's value apart from another's.
EACH_RUN = frozenset({
    "output_dir", "output_name", "training_comment", "save_every_n_epochs", "save_precision",
    "learning_rate", "unet_lr", "text_encoder_lr", "optimizer_type", "optimizer_args",
    "lr_scheduler", "lr_warmup_steps", "network_dim", "network_alpha", "seed", "min_snr_gamma",
    "max_grad_norm", "shuffle_caption", "keep_tokens", "prior_loss_weight",
})  # fmt: skip
# Arguments that all runs of a pack must share, as they share the batch that runs through the base.
SHARED = frozenset({
    "pretrained_model_name_or_path", "train_data_dir", "reg_data_dir", "caption_extension", "resolution",
    "enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale",
    "flip_aug", "train_batch_size", "max_train_epochs", "mixed_precision", "clip_skip",
    "network_train_unet_only", "network_train_text_encoder_only", "vae", "family",
})  # fmt: skip
# Arguments that change speed, memory or logs but not the result: accepted, and nothing to do.
WITHOUT_EFFECT = frozenset({
    "cache_latents", "cache_latents_to_disk", "vae_batch_size", "xformers", "sdpa", "mem_eff_attn",
    "max_data_loader_n_workers", "persistent_data_loader_workers", "console_log_simple",
    "console_log_level", "console_log_file", "logging_dir", "log_prefix", "log_with", "no_metadata",
    "tokenizer_cache_dir", "lowram", "highvram", "max_train_steps", "skip_cache_check", "cache_info",
    # What tunes something that this engine refuses or never does.
    "lr_scheduler_num_cycles", "lr_scheduler_power", "lr_scheduler_min_lr_ratio", "lr_scheduler_timescale",
    "multires_noise_discount", "huber_c", "huber_scale", "huber_schedule",
    "validation_seed", "validate_every_n_epochs", "validate_every_n_steps", "max_validation_steps",
    "sample_sampler", "dynamo_backend", "wandb_run_name", "log_tracker_name",
})  # fmt: skip
# Arguments of which only these values mean what the engine does.
ONLY: dict[str, tuple[Any, ...]] = {
    "network_module": ("networks.lora",),
    "save_model_as": ("safetensors",),
    "max_token_length": (None, 75),
    "gradient_accumulation_steps": (None, 1),
    "loss_type": (None, "l2"),
    "v2": (None, False),
    "v_parameterization": (None, False),
}
# Unknown ones that are on where nothing is said, so that 0 changes something.
ON_BY_DEFAULT = frozenset({
    "dataset_repeats", "token_warmup_min", "zero_stage", "guidance_scale", "qwen3_max_token_length",
    "t5_max_token_length", "sigmoid_scale", "discrete_flow_shift", "training_shift", "logit_std", "mode_scale",
    "caption_separator",
})  # fmt: skip


KNOWN = EACH_RUN | SHARED | WITHOUT_EFFECT
OFF: tuple[Any, ...] = (None, False, "", 0, [])


def unsupported(arguments: Mapping[str, Any]) -> list[str]:
    """One reason for each argument that this engine can't honour; empty where it can train the run."""
    reasons = []
    for name, value in arguments.items():
        if name in ONLY:
            if value not in ONLY[name]:
                reasons.append(f"{name} = {value!r} is not known to the packed engine")
        elif name not in KNOWN and (value not in OFF or (_is_on_by_default(name) and value is not None)):
            reasons.append(f"{name} is not known to the packed engine")
    return reasons + _wrong_choices(arguments)


def _is_on_by_default(name: str) -> bool:
    """One that only the installed sd-scripts knows stands in a run only where it has another value than its default."""
    return name in ON_BY_DEFAULT or name not in ARGUMENTS


def unsupported_base(base: Found) -> list[str]:
    if base.family is not None and base.family.is_packed:
        return []
    return [f"the base model is {base.title}, and the packed engine trains Stable Diffusion 1"]


def pack_key(arguments: Mapping[str, Any]) -> str:
    """Equal for runs that may be trained in one pack."""
    return repr(sorted((name, arguments[name]) for name in SHARED if name in arguments))


def _wrong_choices(arguments: Mapping[str, Any]) -> list[str]:
    reasons: list[str] = []
    optimizer = str(arguments.get("optimizer_type") or "AdamW").lower()
    choices = {
        "optimizer_type": (optimizer, OPTIMIZERS),
        "lr_scheduler": (str(arguments.get("lr_scheduler") or "constant"), SCHEDULERS),
        "mixed_precision": (str(arguments.get("mixed_precision") or "no"), PRECISIONS),
    }
    reasons += [
        f"{name} = {arguments[name]} is not one of {', '.join(known)}"
        for name, (value, known) in choices.items()
        if value not in known
    ]
    for item in arguments.get("optimizer_args") or []:
        if optimizer in OPTIMIZER_ARGS and item.split("=")[0] not in OPTIMIZER_ARGS[optimizer]:
            reasons.append(f"optimizer_args {item} is not known for {arguments.get('optimizer_type')}")
    if not arguments.get("max_train_epochs"):
        reasons.append("max_train_epochs is missing: the packed engine counts in epochs")
    return reasons
