"""Settings of LoRA_Easy_Training_Scripts: its TOML of argument tables, and the JSON of its first versions (early 2023).

Names are those of LoRA_Easy_Training_Scripts at ae5ce073 and its backend at 162e56de (April 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.errors import UsageError
from train_tools.families.programs import EASY_TRAINING
from train_tools.families.registry import BY_NAME, FAMILIES, USUAL, by_program
from train_tools.planning.imports.dataset_config import take_datasets, take_subset
from train_tools.planning.imports.imported import Collector, Imported, is_on

SOURCE = "LoRA_Easy_Training_Scripts settings"
OWN_PACKAGE = "it is of LoRA_Easy_Training_Scripts' own package, which isn't here; choose another"
OWN_FILES = "it is about that program's own files"
OWN = frozenset({
    "tag_occurrence", "tag_file_location", "save_toml", "save_toml_location", "easy_name", "save_json_folder",
    "save_json_name", "load_json_path", "multi_run_folder", "json_load_skip_list", "save_json_only",
    "tag_occurrence_txt_file", "sort_tag_occurrence_alphabetically", "list_of_json_to_run",
})  # fmt: skip
# Fields of the page that are arguments of the network.
NETWORK = (
    "split_qkv",
    "train_t5xxl",
    "train_blocks",
    "train_double_block_indices",
    "train_single_block_indices",
)
OPTIMIZERS = {"came": "pytorch_optimizer.CAME"}  # its own copy of what sd-scripts' environment has as well
DONE = frozenset({
    "sdxl", "fa", "network_args", "warmup_ratio", "lr_scheduler_type", "lr_scheduler_args", "max_train_epochs",
    "max_train_steps", "optimizer_type", "dim_from_weights", "max_token_length", *NETWORK,
})  # fmt: skip
OLD_NAMES = {
    "base_model": "pretrained_model_name_or_path", "img_folder": "train_data_dir", "reg_img_folder": "reg_data_dir",
    "output_folder": "output_dir", "change_output_name": "output_name", "shuffle_captions": "shuffle_caption",
    "buckets": "enable_bucket", "min_bucket_resolution": "min_bucket_reso", "max_bucket_resolution": "max_bucket_reso",
    "batch_size": "train_batch_size", "max_clip_token_length": "max_token_length", "max_steps": "max_train_steps",
    "num_epochs": "max_train_epochs", "num_workers": "max_data_loader_n_workers",
    "persistent_workers": "persistent_data_loader_workers", "test_seed": "seed",
    "gradient_acc_steps": "gradient_accumulation_steps", "log_dir": "logging_dir", "use_lion": "use_lion_optimizer",
    "scheduler": "lr_scheduler", "cosine_restarts": "lr_scheduler_num_cycles", "scheduler_power": "lr_scheduler_power",
    "no_meta": "no_metadata", "save_as": "save_model_as", "lora_model_for_resume": "network_weights",
    "net_dim": "network_dim", "alpha": "network_alpha", "unet_only": "network_train_unet_only",
    "text_only": "network_train_text_encoder_only", "warmup_lr_ratio": "warmup_ratio",
}  # fmt: skip


def is_easy_training(data: Mapping[str, Any]) -> bool:
    """Tables that hold `args` or `dataset_args`."""
    tables = [table for table in data.values() if isinstance(table, Mapping)]
    return any(isinstance(table.get(name), Mapping) for table in tables for name in ("args", "dataset_args"))


def is_old_easy_training(data: Mapping[str, Any]) -> bool:
    return {"net_dim", "alpha"} <= set(data) or {"base_model", "img_folder"} <= set(data)


def from_easy_training(data: Mapping[str, Any]) -> Imported:
    """From the parsed TOML. Raises UsageError where it is for something else than a LoRA."""
    mode = data.get("train_mode")
    said = mode.get("train_mode") if isinstance(mode, Mapping) else mode
    if said not in (None, "lora"):
        raise UsageError(f"{SOURCE} for {said}; only its LoRA trainings are read here")
    tables = {name: table for name, table in data.items() if isinstance(table, Mapping)}
    args = _merged(tables, "args")
    into = Collector(SOURCE, _family(tables, args))
    _take_arguments(into, args)
    take_subset(into, _merged(tables, "dataset_args"))
    if isinstance(data.get("subsets"), list):
        take_datasets(into, {"subsets": data["subsets"]})
    into.assume_defaults("pretrained_model_name_or_path" in args and "subsets" in data)
    return into.result()


def from_old_easy_training(data: Mapping[str, Any]) -> Imported:
    """From the JSON that its first versions saved, in names of its own."""
    args = {OLD_NAMES.get(key, key): value for key, value in data.items()}
    into = Collector(SOURCE, USUAL.name)
    width, height = args.pop("train_resolution", None), args.pop("height_resolution", None)
    if is_on(width):
        into.take("train_resolution", f"{width},{height}" if is_on(height) else str(width), "resolution")
    if is_on(args.pop("lyco", False)):
        into.take("lyco", "lycoris.kohya", "network_module")
    module = str(args.pop("network_module", "")).removeprefix("sd_scripts.")
    if module and "network_module" not in into.settings:
        into.take("network_module", module)
    _take_arguments(into, args)
    into.assume_defaults("pretrained_model_name_or_path" in args and "train_data_dir" in args)
    return into.result()


def _family(tables: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    """By the table that it keeps for a family, which its forks have more of; or by what only one has."""
    for family in FAMILIES:
        if _merged({family.name: tables.get(f"{family.name}_args", {})}, "args"):
            return family.name
    for name, family in by_program(EASY_TRAINING).items():
        if is_on(args.get(name)):
            return family.name
    return USUAL.name


def _merged(tables: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in tables.values():
        if isinstance(inner := table.get(name), Mapping):
            found.update(inner)
    return found


def _take_arguments(into: Collector, args: Mapping[str, Any]) -> None:
    for key, value in args.items():
        if key in OWN:
            if is_on(value):
                into.leave(key, value, OWN_FILES)
        elif key not in DONE and value not in (None, "", False, [], {}):
            into.take(key, value)
    into.take_epochs("max_train_epochs", args.get("max_train_epochs"), args.get("max_train_steps"))
    if str(args.get("max_token_length") or 75) != "75":
        into.take("max_token_length", args["max_token_length"])
    optimizer = str(args.get("optimizer_type") or "")
    into.take("optimizer_type", OPTIMIZERS.get(optimizer.lower(), optimizer))
    _take_schedule(into, args)
    _take_network(into, args)


def _take_schedule(into: Collector, args: Mapping[str, Any]) -> None:
    ratio = args.get("warmup_ratio")
    if isinstance(ratio, (int, float)) and 0 < ratio < 1:
        into.take("warmup_ratio", ratio, "lr_warmup_steps")
    elif is_on(ratio):
        into.leave("warmup_ratio", ratio, "a share of all steps is above 0 and below 1")
    kind = str(args.get("lr_scheduler_type") or "")
    if kind.startswith("LoraEasyCustomOptimizer"):
        into.leave("lr_scheduler_type", kind, OWN_PACKAGE)
        return
    into.take("lr_scheduler_type", kind)
    if is_on(args.get("lr_scheduler_args")):
        into.take("lr_scheduler_args", args["lr_scheduler_args"])


def _take_network(into: Collector, args: Mapping[str, Any]) -> None:
    given = args.get("network_args")
    further = given if isinstance(given, Mapping) else {}
    if "network_module" not in into.settings:
        module = BY_NAME[into.family].training.network_modules[0]
        if "algo" in further:
            module = "lycoris.kohya"
        elif "unit" in further:
            module = "networks.dylora"
        elif is_on(args.get("fa")):
            module = "networks.lora_fa"
        into.take("network_args", module, "network_module")
    words = {name: value for name, value in further.items() if value not in ("", None)}
    words |= {name: args[name] for name in NETWORK if is_on(args.get(name))}
    if words:
        into.take("network_args", words)
    if is_on(args.get("dim_from_weights")):
        into.take("dim_from_weights", True)
