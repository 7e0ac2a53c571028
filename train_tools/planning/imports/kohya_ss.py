"""Settings from a JSON file of kohya_ss, the graphical trainer by bmaltais, as its LoRA tab saves them.

Key names are those of kohya_ss at 45088f04 (July 2026), of its presets, and of its first versions (January 2023). To
kohya_ss an empty text, false and 0 all mean that sd-scripts' default counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from train_tools.arguments.table import ARGUMENTS, KNOWN
from train_tools.errors import UsageError
from train_tools.families.programs import KOHYA_SS, KOHYA_SS_FIELDS
from train_tools.families.registry import BY_NAME, USUAL, by_program, refined
from train_tools.planning.imports.assumed import NEVER
from train_tools.planning.imports.imported import Collector, Imported
from train_tools.planning.imports.words import words_of

TICKED = by_program(KOHYA_SS)  # its check boxes, and its kinds of LoRA
# Fields of one family begin with one of these.
PREFIXES = by_program(KOHYA_SS_FIELDS)
RENAMED = {
    "max_resolution": "resolution",
    "optimizer": "optimizer_type",
    "lora_network_weights": "network_weights",
}
# What decides about other keys, and is taken with them.
SEEN = frozenset({
    *TICKED, "LoRA_type", "epoch", "max_train_epochs", "max_train_steps", "lr_warmup", "lr_warmup_steps",
    "xformers", "noise_offset_type", "text_encoder_lr", "t5xxl_lr", "additional_parameters", "max_token_length",
    "LyCORIS_preset", "model_list", "save_as_bool", "optimizer_args", "lr_scheduler_args",
})  # fmt: skip
ACCELERATE = frozenset({
    "num_cpu_threads_per_process", "num_processes", "num_machines", "multi_gpu", "gpu_ids", "main_process_port",
    "extra_accelerate_launch_args", "dynamo_mode", "dynamo_use_dynamic", "dynamo_use_fullgraph",
    "dynamo_backend",
})  # fmt: skip
NOT_PASSED_ON = frozenset({
    "stop_text_encoder_training", "stop_text_encoder_training_pct", "no_token_padding", "lowvram", "use_wandb",
})  # fmt: skip
OFF: list[Any] = ["", 0, None, []]
FALSE = ("false", "off", "no", "0", "none", "")
# Fields that only kohya_ss has; those of its other tabs, which train no LoRA.
MARKS = frozenset({
    "LoRA_type", "max_resolution", "lr_warmup", "lora_network_weights", "stop_text_encoder_training", "model_list",
    "num_cpu_threads_per_process", "no_token_padding", "save_as_bool", "stop_text_encoder_training_pct",
    "additional_parameters", "noise_offset_type", "use_8bit_adam", "LyCORIS_preset", *TICKED,
})  # fmt: skip
OF_EMBEDDINGS = frozenset({"token_string", "init_word", "num_vectors_per_token"})
OF_WHOLE_MODELS = frozenset({
    "finetune_lr", "train_text_encoder", "image_folder", "create_caption", "create_buckets", "dataset_repeats",
    "stop_text_encoder_training_pct", "learning_rate_te", "block_lr", "flux_fused_backward_pass",
    "blockwise_fused_optimizers",
})  # fmt: skip
FULL = 20  # keys; kohya_ss always saves all its fields, a person who shortens the file leaves few
NO_ALPHA = "kohya_ss had no network_alpha yet, and its LoRAs were as if it were network_dim"
DROPOUTS = ("rank_dropout", "module_dropout")
BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold", "block_dims", "block_alphas",
          "conv_block_dims", "conv_block_alphas", *DROPOUTS)  # fmt: skip
CONV = ("conv_dim", "conv_alpha")
FLUX = ("img_attn_dim", "img_mlp_dim", "img_mod_dim", "single_dim", "txt_attn_dim", "txt_mlp_dim", "txt_mod_dim",
        "single_mod_dim", "in_dims", "train_double_block_indices", "train_single_block_indices", "split_qkv",
        "train_t5xxl", *DROPOUTS)  # fmt: skip
LYCORIS = (
    *CONV,
    *DROPOUTS,
    "use_tucker",
    "use_cp",
    "use_scalar",
    "rank_dropout_scale",
    "train_norm",
    "bypass_mode",
    "dora_wd",
)
# LoRA_type -> (network module, LyCORIS' algorithm, fields that are arguments of the network).
NETWORKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Standard": ("networks.lora", "", BLOCKS),
    "Kohya LoCon": ("networks.lora", "", (*CONV, *BLOCKS)),
    "LoRA-FA": ("networks.lora_fa", "", BLOCKS),
    "Kohya DyLoRA": ("networks.dylora", "", (*CONV, *BLOCKS, "unit")),
    "Kohya LoHa": ("networks.loha", "", (*CONV, *DROPOUTS, "use_tucker")),
    "Kohya LoKr": ("networks.lokr", "", (*CONV, *DROPOUTS, "use_tucker", "factor")),
    "Flux1": ("networks.lora_flux", "", FLUX),
    "Flux1 OFT": ("networks.oft_flux", "", ("enable_all_linear",)),
    "HunyuanImage-2.1": ("networks.lora_hunyuan_image", "", DROPOUTS),
    "Anima": ("networks.lora_anima", "", DROPOUTS),
    "Lumina": ("networks.lora_lumina", "", DROPOUTS),
    "LyCORIS/BOFT": ("lycoris.kohya", "boft", LYCORIS),
    "LyCORIS/Diag-OFT": ("lycoris.kohya", "diag-oft", (*LYCORIS, "constrain", "rescaled")),
    "LyCORIS/DyLoRA": ("lycoris.kohya", "dylora", (*LYCORIS, "unit")),
    "LyCORIS/GLoRA": ("lycoris.kohya", "glora", LYCORIS),
    "LyCORIS/iA3": ("lycoris.kohya", "ia3", (*CONV, "train_on_input")),
    "LyCORIS/LoCon": ("lycoris.kohya", "locon", LYCORIS),
    "LoCon": ("lycoris.kohya", "locon", LYCORIS),
    "LyCORIS/LoHa": ("lycoris.kohya", "loha", LYCORIS),
    "LyCORIS/LoKr": ("lycoris.kohya", "lokr", (*LYCORIS, "factor", "decompose_both")),
    "LyCORIS/Native Fine-Tuning": ("lycoris.kohya", "full", (*DROPOUTS, "rank_dropout_scale", "train_norm")),
}
LORA_PLUS = ("loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio")
NETWORK_FIELDS = frozenset(
    {*(name for _, _, names in NETWORKS.values() for name in names), *LORA_PLUS, "train_blocks"}
)
# LyCORIS calls these fields otherwise.
LYCORIS_NAMES = {"constrain": "constraint", "unit": "block_size"}


def is_kohya_ss(data: Mapping[str, Any]) -> bool:
    """By fields that sd-scripts itself doesn't have under these names."""
    return "LoRA_type" in data or len(MARKS & set(data)) >= 2


def from_kohya_ss(data: Mapping[str, Any]) -> Imported:
    """From the parsed JSON. Raises UsageError for the settings of another tab than LoRA."""
    _refuse_other_tabs(data)
    family = _family(data)
    into = Collector("kohya_ss settings", family)
    given = {name: value for name, value in data.items() if is_on(value)}
    _take_switched_off(into, data)
    own = dict(_own_fields(given, family))
    for key, value in given.items():
        if key in SEEN or key in NETWORK_FIELDS or key in own.values():
            continue
        if reason := _not_taken(key, given, family):
            into.leave(key, value, reason)
        else:
            into.take(key, value, RENAMED.get(key, ""))
    for name, key in own.items():
        into.take(key, given[key], name)
    _take_lengths(into, given)
    _take_rates(into, given)
    _take_network(into, given)
    _take_switches(into, given)
    _take_alpha(into, data)
    into.assume_defaults(len(data) >= FULL)
    return into.result()


def is_on(value: Any) -> bool:
    """Old files have false and 0 as texts, too."""
    return value not in OFF and not (isinstance(value, str) and value.strip().lower() in ("false", "none"))


def is_ticked(value: Any) -> bool:
    return bool(value) and not (isinstance(value, str) and value.strip().lower() in FALSE)


def _refuse_other_tabs(data: Mapping[str, Any]) -> None:
    if "LoRA_type" in data or "network_dim" in data:
        return
    kind = (
        "an embedding"
        if OF_EMBEDDINGS & set(data)
        else "a whole model"
        if OF_WHOLE_MODELS & set(data)
        else ""
    )
    if kind:
        raise UsageError(f"these are settings of kohya_ss for {kind}; only its LoRA tab's are read here")


def _take_switched_off(into: Collector, data: Mapping[str, Any]) -> None:
    """What is off there, and on by default here; off means sd-scripts' default."""
    for name, row in KNOWN.items():
        key = next((key for key, new in RENAMED.items() if new == name and key in data), name)
        is_ours = row.default != row.sd_default and name not in NEVER and row.sd_default in (None, False)
        if name in ARGUMENTS and is_ours and key in data and not is_on(data[key]) and name != "network_dim":
            into.take(key, "none" if row.sd_default is None else False, name)


def _take_alpha(into: Collector, data: Mapping[str, Any]) -> None:
    """Files from before there was network_alpha have no LoRA_type either, which came later."""
    if "network_alpha" not in data and "LoRA_type" not in data and "network_dim" in into.settings:
        into.take("network_dim", into.settings["network_dim"], "network_alpha")
        into.leave("network_alpha", None, NO_ALPHA)


def number(value: Any) -> float:
    """Fields hold numbers as text, or nothing."""
    try:
        found = float(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def _family(data: Mapping[str, Any]) -> str:
    ticked = (family for key, family in TICKED.items() if is_ticked(data.get(key)))
    found = next(ticked, None) or TICKED.get(str(data.get("LoRA_type")), USUAL)
    return refined(found, data).name


def _own_fields(given: Mapping[str, Any], family: str) -> Iterator[tuple[str, str]]:
    """(argument, field) of those that carry the family's name: sdxl_no_half_vae."""
    for key in given:
        for prefix in _prefixes(family):
            if key.startswith(prefix) and key.removeprefix(prefix) in ARGUMENTS:
                yield key.removeprefix(prefix), key
                break


def _prefixes(family: str) -> tuple[str, ...]:
    return BY_NAME[family].words.programs.get(KOHYA_SS_FIELDS, ())


def _not_taken(key: str, given: Mapping[str, Any], family: str) -> str:
    """Why a key has no setting here; empty where it may have."""
    if key in ACCELERATE:
        return "it is about starting the process"
    if key in NOT_PASSED_ON:
        return "kohya_ss doesn't pass it on either"
    others = tuple(prefix for prefix in PREFIXES if prefix not in _prefixes(family))
    if key.startswith(others) and key not in ARGUMENTS:
        return "it is about another family of base models"
    if key in ("adaptive_noise_scale", "noise_offset", "noise_offset_random_strength") and _is_multires(
        given
    ):
        return "noise_offset_type Multires doesn't use it"
    if key in ("multires_noise_iterations", "multires_noise_discount") and not _is_multires(given):
        return "noise_offset_type Original doesn't use it"
    if key == "sample_prompts":
        return "kohya_ss keeps prompts, sd-scripts reads a file; preview sheets have prompts of their own"
    return ""


def _is_multires(given: Mapping[str, Any]) -> bool:
    # Files from before there was that field have neither or one of the two.
    return str(given.get("noise_offset_type")) == "Multires"


def _take_lengths(into: Collector, given: Mapping[str, Any]) -> None:
    if number(given.get("max_train_epochs")):
        into.take_epochs("max_train_epochs", given["max_train_epochs"], given.get("max_train_steps"))
    elif number(given.get("max_train_steps")):
        into.take_epochs("epoch", None, given["max_train_steps"])
    else:
        into.take_epochs("epoch", given.get("epoch"), None)
    if number(given.get("max_token_length")) > 75:
        into.take("max_token_length", given["max_token_length"])
    if number(given.get("lr_warmup_steps")):
        into.take("lr_warmup_steps", int(number(given["lr_warmup_steps"])))
    elif number(given.get("lr_warmup")):
        into.take("lr_warmup", number(given["lr_warmup"]) / 100, "lr_warmup_steps")  # percent of all steps


def _take_rates(into: Collector, given: Mapping[str, Any]) -> None:
    text, unet, t5 = (number(given.get(name)) for name in ("text_encoder_lr", "unet_lr", "t5xxl_lr"))
    if text:
        into.take("text_encoder_lr", [text, t5] if t5 else text)
    if (unet and not text) or not BY_NAME[into.family].network.trains_texts:
        into.take("text_encoder_lr", True, "network_train_unet_only")
    elif text and not unet:
        into.take("unet_lr", True, "network_train_text_encoder_only")


def _take_network(into: Collector, given: Mapping[str, Any]) -> None:
    said = str(given.get("LoRA_type", "Standard"))
    kind = next((known for known in NETWORKS if known.lower() == said.strip().lower()), "")
    if not kind:
        into.leave("LoRA_type", said, "this kind of network isn't known")
        return
    module, algorithm, fields = NETWORKS[kind]
    if kind == "Standard":
        module = BY_NAME[into.family].training.network_modules[0]
    into.take("LoRA_type" if "LoRA_type" in given else "network_module", module, "network_module")
    words = [f"algo={algorithm}", f"preset={given.get('LyCORIS_preset', 'full')}"] if algorithm else []
    names = LYCORIS_NAMES if algorithm else {}
    words += [f"{names.get(name, name)}={given[name]}" for name in (*fields, *LORA_PLUS) if name in given]
    if "train_blocks" in given and kind == "Flux1" and given["train_blocks"] != "all":
        words.append(f"train_blocks={given['train_blocks']}")
    if words:
        into.take("LoRA_type" if "LoRA_type" in given else "network_args", [word.replace(" ", "") for word in words],
                  "network_args")  # fmt: skip


def _take_switches(into: Collector, given: Mapping[str, Any]) -> None:
    attention = given.get("xformers")
    if attention in (True, "xformers") or str(attention).lower() == "true":
        into.take("xformers", True)
    elif attention == "sdpa":
        into.take("xformers", True, "sdpa")
    for name in ("optimizer_args", "lr_scheduler_args"):
        if isinstance(given.get(name), str):
            into.take(name, words_of(given[name]))
        elif name in given:
            into.take(name, given[name])
    if "additional_parameters" in given:
        into.take_pasted("additional_parameters", str(given["additional_parameters"]))
