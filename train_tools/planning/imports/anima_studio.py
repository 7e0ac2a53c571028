"""Settings of AnimaLoraStudio: the YAML of a preset or of a version.

Names are those of AnimaLoraStudio at d049ccfa (August 2026); its files are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.sizes import of_sides
from train_tools.errors import UsageError
from train_tools.families.programs import ANIMA_STUDIO
from train_tools.families.registry import by_program
from train_tools.planning.imports.imported import Collector, Imported, is_on
from train_tools.planning.imports.optimizers import optimizer_named

SOURCE = "AnimaLoraStudio settings"
MARKS = frozenset({
    "transformer_path", "text_encoder_path", "lora_rank", "lora_type", "grad_accum", "grad_checkpoint", "model_family",
    "flip_augment", "lora_alpha", "data_dir",
})  # fmt: skip
NAMES = {
    "transformer_path": "pretrained_model_name_or_path", "vae_path": "vae", "text_encoder_path": "qwen3",
    "t5_tokenizer_path": "t5_tokenizer_path", "data_dir": "train_data_dir", "reg_weight": "prior_loss_weight",
    "shuffle_caption": "shuffle_caption", "keep_tokens": "keep_tokens", "flip_augment": "flip_aug",
    "tag_dropout": "caption_tag_dropout_rate", "cache_latents": "cache_latents", "blocks_to_swap": "blocks_to_swap",
    "text_encoder_cache": "cache_text_encoder_outputs", "lora_rank": "network_dim", "lora_alpha": "network_alpha",
    "lora_dropout": "network_dropout", "epochs": "max_train_epochs", "batch_size": "train_batch_size",
    "grad_checkpoint": "gradient_checkpointing", "grad_accum": "gradient_accumulation_steps",
    "learning_rate": "learning_rate", "masked_loss": "masked_loss", "grad_clip_max_norm": "max_grad_norm",
    "mixed_precision": "mixed_precision", "seed": "seed", "num_workers": "max_data_loader_n_workers",
    "save_every_epochs": "save_every_n_epochs", "save_every_steps": "save_every_n_steps", "huber_c": "huber_c",
    "resume_lora": "network_weights",
}  # fmt: skip
SCHEDULERS = {"none": "constant", "cosine": "cosine", "cosine_with_restart": "cosine_with_restarts",
              "cosine_with_warmup": "cosine"}  # fmt: skip
NOT_HERE = ("infonoise_enabled", "leap_enabled", "sra_enabled", "navit_packing", "lora_reg_dims", "lora_rs",
            "caption_comfy_encoding", "eval_validation_enabled")  # fmt: skip


def is_anima_studio(data: Mapping[str, Any]) -> bool:
    return len(MARKS & set(data)) >= 3


def from_anima_studio(data: Mapping[str, Any]) -> Imported:
    """From the parsed file. Raises UsageError for a family that can't be trained here."""
    known = by_program(ANIMA_STUDIO)
    family = str(data.get("model_family") or next(iter(known)))
    if family not in known:
        raise UsageError(f"these are settings of AnimaLoraStudio for {family}, which can't be trained here")
    into = Collector(SOURCE, known[family].name, "AnimaLoraStudio")
    for key, name in NAMES.items():
        value = data.get(key)
        if value is not None and not (
            value == 0 and name not in ("seed", "max_data_loader_n_workers", "keep_tokens")
        ):
            into.take(key, value, name)
    sizes = data.get("resolution")
    sides = [side for side in (sizes if isinstance(sizes, list) else [sizes]) if isinstance(side, int)]
    if sides:
        into.take("resolution", of_sides(sides))
    _take_network(into, data)
    _take_optimizer(into, data)
    if is_on(data.get("max_steps")):
        into.leave("max_steps", data["max_steps"], "runs are counted in epochs here; set max_train_epochs")
    _take_noise(into, data)
    for key in NOT_HERE:
        if is_on(data.get(key)):
            into.leave(key, data[key], "sd-scripts has nothing like it")
    into.take("text_encoder_path", True, "network_train_unet_only")
    into.assume({"min_snr_gamma": None, "enable_bucket": True})
    return into.result()


def _take_network(into: Collector, data: Mapping[str, Any]) -> None:
    kind = str(data.get("lora_type") or "lora").lower()
    words = [f"{name}={data[key]}" for key, name in (("lora_rank_dropout", "rank_dropout"),
             ("lora_module_dropout", "module_dropout")) if is_on(data.get(key))]  # fmt: skip
    if kind == "lora" and not is_on(data.get("lora_dora")):
        into.take("lora_type", "networks.lora_anima", "network_module")
    elif kind in ("lora", "lokr", "loha"):
        words.insert(0, f"algo={'locon' if kind == 'lora' else kind}")
        words += (
            [f"factor={data['lokr_factor']}"] if kind == "lokr" and is_on(data.get("lokr_factor")) else []
        )
        words += ["dora_wd=True"] if is_on(data.get("lora_dora")) else []
        into.take("lora_type", "lycoris.kohya", "network_module")
    else:
        into.leave("lora_type", kind, "this kind of network isn't known")
    if words:
        into.take("lora_type", words, "network_args")


def _take_optimizer(into: Collector, data: Mapping[str, Any]) -> None:
    said = str(data.get("optimizer_type") or "")
    if name := optimizer_named(said):
        into.take("optimizer_type", name)
    elif said:
        into.leave(
            "optimizer_type", said, "sd-scripts has no such optimizer; choose another in optimizer_type"
        )
    words = [f"weight_decay={data['weight_decay']}"] if is_on(data.get("weight_decay")) else []
    if said == "prodigy" and is_on(data.get("prodigy_d_coef")):
        words.append(f"d_coef={data['prodigy_d_coef']}")
    if words:
        into.take("optimizer_type", words, "optimizer_args")
    schedule = str(data.get("lr_scheduler") or "none")
    if schedule in SCHEDULERS:
        into.take("lr_scheduler", SCHEDULERS[schedule])
        if schedule == "cosine_with_warmup" and is_on(data.get("lr_scheduler_warmup_steps")):
            into.take("lr_scheduler_warmup_steps", data["lr_scheduler_warmup_steps"], "lr_warmup_steps")
    else:
        into.leave(
            "lr_scheduler", schedule, "sd-scripts has no such schedule; choose another in lr_scheduler"
        )


def _take_noise(into: Collector, data: Mapping[str, Any]) -> None:
    kind = str(data.get("noise_enhancement_type") or "none")
    if kind == "offset":
        into.take("noise_offset", data.get("noise_offset", ""))
    elif kind == "pyramid":
        into.take("pyramid_noise_iters", data.get("pyramid_noise_iters", ""), "multires_noise_iterations")
        into.take("pyramid_noise_discount", data.get("pyramid_noise_discount", ""), "multires_noise_discount")
    if data.get("loss_type") == "huber":
        into.take("loss_type", "huber")
    weighing = str(data.get("loss_weighting") or "none")
    if weighing == "cosmap":
        into.take("loss_weighting", "cosmap", "weighting_scheme")
    elif weighing != "none":
        into.leave("loss_weighting", weighing, "sd-scripts doesn't weigh losses so")
    drawn = str(data.get("timestep_sampling") or "logit_normal")
    shift = data.get("timestep_shift", 3.0)
    if drawn == "logit_normal":
        # What sd-scripts calls shift: logit-normal, then moved.
        into.take("timestep_sampling", "shift")
        into.take("timestep_shift", shift, "discrete_flow_shift")
    elif drawn == "uniform":
        into.take("timestep_sampling", drawn)
    else:
        into.leave("timestep_sampling", drawn, "sd-scripts doesn't draw noise levels so")
