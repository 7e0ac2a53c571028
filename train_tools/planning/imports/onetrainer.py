"""Settings from OneTrainer's JSON: a saved configuration or a preset, of today or from before its parts had tables.

Names and defaults are those of OneTrainer at 23df383 (August 2026). What a file doesn't say is OneTrainer's default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from train_tools.arguments.sizes import TOGETHER
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import UsageError
from train_tools.families.programs import ONETRAINER
from train_tools.families.registry import BY_NAME, by_program
from train_tools.planning.imports.imported import Collector, Imported, is_on
from train_tools.planning.imports.optimizers import optimizer_named

SOURCE = "OneTrainer settings"
FAMILIES = by_program(ONETRAINER)
VELOCITY = ("STABLE_DIFFUSION_20", "STABLE_DIFFUSION_21")
PRECISIONS = {"FLOAT_16": "fp16", "BFLOAT_16": "bf16", "FLOAT_32": "no", "TFLOAT_32": "no"}
SCHEDULERS = {
    "CONSTANT": "constant", "LINEAR": "linear", "COSINE": "cosine", "ADAFACTOR": "adafactor",
    "COSINE_WITH_RESTARTS": "cosine_with_restarts", "COSINE_WITH_HARD_RESTARTS": "cosine_with_restarts",
}  # fmt: skip
SAME = {
    "base_model_name": "pretrained_model_name_or_path", "learning_rate": "learning_rate", "epochs": "max_train_epochs",
    "batch_size": "train_batch_size", "gradient_accumulation_steps": "gradient_accumulation_steps",
    "lora_alpha": "network_alpha", "aspect_ratio_bucketing": "enable_bucket", "latent_caching": "cache_latents",
    "dropout_probability": "network_dropout", "clip_grad_norm": "max_grad_norm", "offset_noise_weight": "noise_offset",
    "perturbation_noise_weight": "ip_noise_gamma", "lora_model_name": "network_weights",
    "masked_training": "masked_loss",
}  # fmt: skip
OPTIMIZER_ARGS = (
    "weight_decay", "eps", "d_coef", "d0", "growth_rate", "safeguard_warmup", "use_bias_correction", "decouple",
    "relative_step", "scale_parameter", "warmup_init", "momentum", "nesterov", "amsgrad", "clip_threshold",
    "decay_rate",
)  # fmt: skip
# Off by default, so that off says nothing, but to Adafactor, which has them on.
SWITCHES = {"relative_step", "scale_parameter", "warmup_init"}
DEFAULTS: Mapping[str, Any] = {
    "network_dim": 16, "network_alpha": 1, "max_train_epochs": 100, "learning_rate": 3e-6, "lr_scheduler": "constant",
    "optimizer_type": "AdamW", "min_snr_gamma": None, "enable_bucket": True, "train_batch_size": 1,
    "gradient_checkpointing": True,
}  # fmt: skip
DRAWN = (
    "there each image is shown at one of them, drawn anew each epoch, here at all, so that an epoch is longer"
)
NOT_HERE = {
    "ema": "sd-scripts keeps no moving average", "learning_rate_scaler": "sd-scripts scales no learning rates",
    "layer_filter": "which layers are trained is said in network_args here",
    "additional_embeddings": "only a LoRA is trained here", "validation": "set validation_split where it is wanted",
    "normalize_masked_area_loss": "sd-scripts weighs masks otherwise",
    "masked_prior_preservation_weight": "sd-scripts weighs masks otherwise",
    "generalized_offset_noise": "sd-scripts has no such noise", "compile": "it is about that program's process",
}  # fmt: skip


def is_onetrainer(data: Mapping[str, Any]) -> bool:
    has_type = isinstance(data.get("model_type"), str) and data["model_type"].isupper()
    return "training_method" in data or (
        has_type and bool({"base_model_name", "optimizer", "__version"} & set(data))
    )


def from_onetrainer(data: Mapping[str, Any]) -> Imported:
    """From the parsed JSON. Raises UsageError where it trains something that can't be trained here."""
    method = str(data.get("training_method", "FINE_TUNE"))
    if method != "LORA":
        raise UsageError(
            f"these are settings of OneTrainer for {method}, not for a LoRA; only LoRA can be read here"
        )
    kind = str(data.get("model_type", "STABLE_DIFFUSION_15"))
    if kind not in FAMILIES:
        raise UsageError(f"these are settings of OneTrainer for {kind}, which can't be trained here")
    into = Collector(SOURCE, FAMILIES[kind].name, "OneTrainer")
    for key, name in SAME.items():
        if data.get(key) is not None and not (isinstance(data[key], float) and data[key] == 0):
            _take_model(into, key, data[key]) if name.endswith("model_name_or_path") else into.take(
                key, data[key], name
            )
    if kind.startswith("STABLE_DIFFUSION_2"):
        into.take("model_type", True, "v2")
    if kind in VELOCITY or is_on(data.get("force_v_prediction")):
        into.take("model_type" if kind in VELOCITY else "force_v_prediction", True, "v_parameterization")
    if is_on(data.get("rescale_noise_scheduler_to_zero_terminal_snr")):
        into.take("rescale_noise_scheduler_to_zero_terminal_snr", True, "zero_terminal_snr")
    _take_precision(into, data)
    _take_resolution(into, str(data.get("resolution") or ""))
    _take_parts(into, data)
    _take_schedule(into, data)
    _take_optimizer(into, data)
    _take_network(into, data)
    _take_noise(into, data)
    _take_saving(into, data)
    _take_concepts(into, data.get("concepts"))
    for key, reason in NOT_HERE.items():
        if is_on(data.get(key)) and str(data[key]).upper() not in ("OFF", "NONE", "FULL"):
            into.leave(key, data[key], reason)
    into.assume(DEFAULTS)
    return into.result()


def _take_model(into: Collector, key: str, value: Any) -> None:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(value)) and not str(value).endswith((".safetensors", ".ckpt")):
        into.leave(
            key, value, "it is a name on Hugging Face; set pretrained_model_name_or_path to your copy of it"
        )
    else:
        into.take(key, value, "pretrained_model_name_or_path")


def _take_precision(into: Collector, data: Mapping[str, Any]) -> None:
    if (precision := PRECISIONS.get(str(data.get("train_dtype", "")))) is not None:
        into.take("train_dtype", precision, "mixed_precision")
    if (saved := PRECISIONS.get(str(data.get("output_dtype", "")))) is not None:
        into.take("output_dtype", "float" if saved == "no" else saved, "save_precision")


def _take_resolution(into: Collector, text: str) -> None:
    """`1024`, `768x1024`; several with commas between, of which a step draws one for each image there."""
    several = [piece.strip() for piece in text.split(",") if piece.strip()]
    if several:
        into.take("resolution", TOGETHER.join(several))
    if len(several) > 1:
        into.leave("resolution", text, DRAWN)


def _take_parts(into: Collector, data: Mapping[str, Any]) -> None:
    """The UNet or transformer, the text encoders and the VAE; older files have `train_unet` and its like."""
    parts = {
        name: _part(data, name)
        for name in ("unet", "transformer", "prior", "text_encoder", "text_encoder_2", "vae")
    }
    family = BY_NAME[into.family]
    body = parts["unet"] if not family.training.is_flow else parts["transformer"] or parts["prior"]
    texts = [parts["text_encoder"], parts["text_encoder_2"]][: family.network.text_encoders]
    trained = [is_on(text.get("train", True)) for text in texts]
    if not any(trained):
        into.take("text_encoder", True, "network_train_unet_only")
    elif not is_on(body.get("train", True)):
        into.take("unet", True, "network_train_text_encoder_only")
    elif family.training.is_flow:
        into.take("text_encoder", False, "network_train_unet_only")
    if body.get("learning_rate") is not None:
        into.take("unet", body["learning_rate"], "unet_lr")
    rates = [text.get("learning_rate") if on else 0 for text, on in zip(texts, trained, strict=True)]
    if any(trained) and (any(rate is not None and rate for rate in rates) or not all(trained)):
        fallback = data.get("learning_rate", DEFAULTS["learning_rate"])
        full = [fallback if rate is None else rate for rate in rates]
        into.take("text_encoder", full if len(set(map(str, full))) > 1 else full[0], "text_encoder_lr")
    if is_on(parts["vae"].get("model_name")):
        into.take("vae", parts["vae"]["model_name"])
    if is_on(rate := parts["text_encoder"].get("dropout_probability")):
        into.take("text_encoder", rate, "caption_dropout_rate")
    on = [part.get("gradient_checkpointing") for part in (body, *texts) if "gradient_checkpointing" in part]
    old = str(data.get("gradient_checkpointing", "")).upper()
    if on or old:
        into.take("gradient_checkpointing", any(map(is_on, on)) if on else old not in ("OFF", "FALSE"))
    if (
        into.family in ARGUMENTS["clip_skip"].acts_in
        and str(skip := data.get("text_encoder_layer_skip", 0)).isdecimal()
        and is_on(skip)
    ):
        into.take("text_encoder_layer_skip", int(str(skip)) + 1, "clip_skip")


def _part(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = data.get(name)
    part = dict(table) if isinstance(table, Mapping) else {}
    for key, old in (("train", f"train_{name}"), ("learning_rate", f"{name}_learning_rate"),
                     ("model_name", f"{name}_model_name")):  # fmt: skip
        if key not in part and data.get(old) is not None:
            part[key] = data[old]
    return part


def _take_schedule(into: Collector, data: Mapping[str, Any]) -> None:
    said = str(data.get("learning_rate_scheduler", "CONSTANT"))
    warmup = data.get("learning_rate_warmup_steps", 200)
    number = float(warmup) if isinstance(warmup, (int, float)) and 0 <= warmup < 10**9 else 0.0
    name = SCHEDULERS.get(said, "")
    if not name:
        into.leave(
            "learning_rate_scheduler", said, "sd-scripts has no such schedule; choose another in lr_scheduler"
        )
        return
    if name == "constant" and number:
        name = "constant_with_warmup"  # sd-scripts refuses a warm-up before `constant`
    if "learning_rate_scheduler" in data:
        into.take("learning_rate_scheduler", name, "lr_scheduler")
    else:
        into.assume({"lr_scheduler": name})
    steps = number if number < 1 else int(number)
    if "learning_rate_warmup_steps" in data and name != "adafactor":
        into.take("learning_rate_warmup_steps", steps, "lr_warmup_steps")
    elif name != "adafactor":
        into.assume({"lr_warmup_steps": steps})
    cycles = data.get("learning_rate_cycles")
    if name == "cosine_with_restarts" and isinstance(cycles, (int, float)) and 1 <= cycles < 10**6:
        into.take("learning_rate_cycles", int(cycles), "lr_scheduler_num_cycles")


def _take_optimizer(into: Collector, data: Mapping[str, Any]) -> None:
    table = data.get("optimizer")
    args = dict(table) if isinstance(table, Mapping) else {}
    said = args.get("optimizer") if args else table
    args |= {
        key.removeprefix("optimizer_"): value for key, value in data.items() if key.startswith("optimizer_")
    }
    if not isinstance(said, str):
        return
    name = optimizer_named(said)
    if not name:
        into.leave("optimizer", said, "sd-scripts has no such optimizer; choose another in optimizer_type")
        return
    into.take("optimizer", name, "optimizer_type")
    words = []
    if args.get("beta1") is not None and args.get("beta2") is not None:
        words.append(f"betas={args['beta1']},{args['beta2']}")
    for key in OPTIMIZER_ARGS:
        is_said = is_on(args.get(key)) or (key in SWITCHES and key in args and name == "Adafactor")
        if is_said and not isinstance(args[key], (list, Mapping)):
            words.append(f"{key}={args[key]}")
    if words:
        into.take("optimizer", words, "optimizer_args")


def _take_network(into: Collector, data: Mapping[str, Any]) -> None:
    kind = str(data.get("peft_type", "LORA"))
    into.take("lora_rank", data.get("lokr_dim" if kind == "LOKR" and "lokr_dim" in data else "lora_rank", ""),
              "network_dim")  # fmt: skip
    has_dora = is_on(data.get("lora_decompose")) or (
        kind == "LOKR" and is_on(data.get("lokr_weight_decompose"))
    )
    if kind == "LORA" and not has_dora:
        into.take("peft_type", BY_NAME[into.family].training.network_modules[0], "network_module")
    elif kind in ("LORA", "LOHA", "LOKR"):
        words = [
            f"algo={'locon' if kind == 'LORA' else kind.lower()}",
            *(["dora_wd=True"] if has_dora else []),
        ]
        if kind == "LOKR":
            words += [f"factor={data.get('lokr_decompose_factor', -1)}"]
            words += ["decompose_both=True"] if is_on(data.get("lokr_decompose_both")) else []
        into.take("peft_type", "lycoris.kohya", "network_module")
        into.take("peft_type", words, "network_args")
    else:
        into.leave("peft_type", kind, "this kind of network isn't known")
    preset = data.get("layer_filter_preset", "full")
    if str(preset) != "full" and not is_on(data.get("layer_filter")):
        into.leave("layer_filter_preset", preset, "which layers are trained is said in network_args here")


def _take_noise(into: Collector, data: Mapping[str, Any]) -> None:
    weighing, strength = str(data.get("loss_weight_fn", "CONSTANT")), data.get("loss_weight_strength", 5.0)
    if is_on(old := data.get("min_snr_gamma")):
        weighing, strength = "MIN_SNR_GAMMA", old
    if weighing == "MIN_SNR_GAMMA":
        into.take("loss_weight_fn", strength, "min_snr_gamma")
    elif weighing == "DEBIASED_ESTIMATION":
        into.take("loss_weight_fn", True, "debiased_estimation_loss")
    elif weighing != "CONSTANT":
        into.leave("loss_weight_fn", weighing, "sd-scripts doesn't weigh losses so")
    for key, name, off in (
        ("min_noising_strength", "min_timestep", 0),
        ("max_noising_strength", "max_timestep", 1),
    ):
        share = data.get(key)
        if isinstance(share, (int, float)) and share != off and 0 <= share <= 1:
            into.take(key, round(share * 1000), name)
    drawn = str(data.get("timestep_distribution", "UNIFORM"))
    if not BY_NAME[into.family].training.is_flow:
        if drawn != "UNIFORM":
            into.leave("timestep_distribution", drawn, "sd-scripts draws noise levels evenly")
        return
    if drawn == "LOGIT_NORMAL" and not is_on(data.get("noising_bias")):
        is_dynamic = is_on(data.get("dynamic_timestep_shifting"))
        into.take("timestep_distribution", "flux_shift" if is_dynamic else "sigmoid", "timestep_sampling")
        weight = data.get("noising_weight", 0.0)
        into.take("noising_weight", 1 + weight if isinstance(weight, (int, float)) else 1, "sigmoid_scale")
    elif drawn == "UNIFORM":
        into.take("timestep_distribution", "uniform", "timestep_sampling")
    else:
        into.leave("timestep_distribution", drawn, "sd-scripts doesn't draw noise levels so")
    if is_on(data.get("timestep_shift")) and data["timestep_shift"] != 1:
        into.leave(
            "timestep_shift", data["timestep_shift"], "set discrete_flow_shift with timestep_sampling shift"
        )


def _take_saving(into: Collector, data: Mapping[str, Any]) -> None:
    unit = str(data.get("save_every_unit", data.get("save_after_unit", "NEVER")))
    every = data.get("save_every", data.get("save_after"))
    if unit in ("EPOCH", "STEP") and is_on(every):
        into.take("save_every", every, f"save_every_n_{unit.lower()}s")


def _take_concepts(into: Collector, concepts: Any) -> None:
    """Settings of captions and images stand with each concept there."""
    found = (
        [concept for concept in concepts if isinstance(concept, Mapping)]
        if isinstance(concepts, list)
        else []
    )
    on = [concept for concept in found if is_on(concept.get("enabled", True))]
    if not on:
        return
    text, image = ({**t} if isinstance(t := on[0].get(part), Mapping) else {} for part in ("text", "image"))
    if is_on(text.get("enable_tag_shuffling")):
        into.take("concepts: enable_tag_shuffling", True, "shuffle_caption")
        into.take("concepts: keep_tags_count", text.get("keep_tags_count", 1), "keep_tokens")
    if is_on(text.get("tag_dropout_enable")) and is_on(text.get("tag_dropout_probability")):
        name = (
            "caption_dropout_rate"
            if text.get("tag_dropout_mode", "FULL") == "FULL"
            else "caption_tag_dropout_rate"
        )
        into.take("concepts: tag_dropout_probability", text["tag_dropout_probability"], name)
    if is_on(image.get("enable_random_flip")):
        into.take("concepts: enable_random_flip", True, "flip_aug")
    into.leave("concepts", f"{len(on)}", "Train Tools trains on the version's own dataset")
