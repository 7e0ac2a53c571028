"""Settings of SD-Trainer (lora-scripts by Akegarasu): TOML saved by its page, a preset, config/*.toml; or JSON.

Key names are those of lora-scripts at fdefba9 (September 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.config_file import flattened
from train_tools.errors import UsageError
from train_tools.families.programs import SD_TRAINER
from train_tools.families.registry import BY_NAME, by_program, refined
from train_tools.planning.imports.imported import Collector, Imported
from train_tools.planning.imports.sd_scripts import guessed_family
from train_tools.workspace import toml

TRAIN_TYPES = by_program(SD_TRAINER)
MARKS = frozenset({
    "model_train_type", "lycoris_algo", "optimizer_args_custom", "network_args_custom", "enable_preview",
    "enable_block_weights", "enable_base_weight", "lr_restart_cycles", "ui_custom_params", "positive_prompts",
})  # fmt: skip
RENAMED = {"lr_restart_cycles": "lr_scheduler_num_cycles"}
# The page's fields for arguments of the network and the optimizer -> their names there.
NETWORK = {"conv_dim": "conv_dim", "conv_alpha": "conv_alpha", "dropout": "dropout", "train_norm": "train_norm",
           "lycoris_algo": "algo", "lokr_factor": "factor", "dylora_unit": "unit",
           "train_t5xxl": "train_t5xxl"}  # fmt: skip
BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold")
OPTIMIZER = {"prodigy_d0": "d0", "prodigy_d_coef": "d_coef"}
LISTS = {"network_args_custom", "optimizer_args_custom", "network_args", "optimizer_args"}
PREVIEW = frozenset({
    "enable_preview", "prompt_file", "positive_prompts", "negative_prompts", "sample_width", "sample_height",
    "sample_cfg", "sample_seed", "sample_steps", "sample_sampler", "sample_every_n_epochs", "sample_prompts",
    "randomly_choice_prompt",
})  # fmt: skip
SWITCHES = frozenset(
    {"enable_block_weights", "enable_base_weight", "ui_custom_params", "gpu_ids", "model_train_type"}
)


def is_sd_trainer(data: Mapping[str, Any]) -> bool:
    """Whether a TOML file is SD-Trainer's and not simply sd-scripts'."""
    is_preset = isinstance(data.get("data"), Mapping) and isinstance(data.get("metadata"), Mapping)
    return is_preset or bool(MARKS & set(flattened(data)))


def from_sd_trainer(data: Mapping[str, Any]) -> Imported:
    """From the parsed TOML. A preset holds only what differs, so nothing is assumed for the rest of it."""
    is_preset = isinstance(data.get("data"), Mapping)
    flat = dict(data["data"]) if is_preset else flattened(data)
    into = Collector("SD-Trainer settings", "")
    flat |= _typed_in(into, flat)
    about = data.get("metadata")
    train_type = about.get("train_type") if isinstance(about, Mapping) else flat.get("model_train_type")
    if str(train_type).endswith(("dreambooth", "finetune")):
        raise UsageError(
            f"these are settings of SD-Trainer for {train_type}, not for a LoRA; only LoRA can be read here"
        )
    told = TRAIN_TYPES.get(str(train_type)) or BY_NAME[guessed_family(flat)]
    into.family = refined(told, flat).name
    for key, value in flat.items():
        _take(into, key, value, flat)
    into.take_epochs("max_train_epochs", flat.get("max_train_epochs"), flat.get("max_train_steps"))
    _take_lists(into, flat)
    _take_base_weights(into, flat)
    if not is_preset:
        into.assume_defaults(into.is_whole(flat))
    return into.result()


def _typed_in(into: Collector, flat: Mapping[str, Any]) -> dict[str, Any]:
    """What someone wrote into the page's field for arguments of their own, which win."""
    text = str(flat.get("ui_custom_params") or "")
    try:
        return flattened(toml.loads(text))
    except ValueError as error:
        into.leave("ui_custom_params", text, f"it isn't TOML: {error}")
        return {}


def _take(into: Collector, key: str, value: Any, flat: Mapping[str, Any]) -> None:
    if key in SWITCHES or key in LISTS or key in NETWORK or key in OPTIMIZER or key in BLOCKS:
        return
    if (
        key in ("max_train_epochs", "max_train_steps")
        or key.startswith("base_weights")
        or value in ("", None)
    ):
        return
    if key in PREVIEW:
        if value not in (False, 0) and flat.get("enable_preview", True):
            into.leave(key, value, "preview sheets have prompts of their own")
    elif key == "max_token_length" and value not in (150, 225, "150", "225"):
        into.leave(key, value, "sd-scripts knows 150 and 225; none, 75, is taken")
    else:
        into.take(key, value, RENAMED.get(key, ""))


def _take_lists(into: Collector, flat: Mapping[str, Any]) -> None:
    """The arguments of network and optimizer, which the page has fields for."""
    network = _words(flat, "network_args")
    if flat.get("network_module") in ("lycoris.kohya", "networks.dylora") or "train_t5xxl" in flat:
        network += [
            f"{name}={flat[key]}"
            for key, name in NETWORK.items()
            if flat.get(key) not in (None, "", False, 0)
        ]
    if flat.get("enable_block_weights"):
        network += [f"{name}={flat[name]}" for name in BLOCKS if flat.get(name) not in (None, "", 0)]
    optimizer = _words(flat, "optimizer_args")
    if str(flat.get("optimizer_type")).lower() == "prodigy":
        optimizer += [
            f"{name}={flat[key]}" for key, name in OPTIMIZER.items() if flat.get(key) not in (None, "")
        ]
    for name, words in (("network_args", network), ("optimizer_args", optimizer)):
        if words:
            into.take(name, words)


def _words(flat: Mapping[str, Any], name: str) -> list[str]:
    """Those of sd-scripts' own key and of the page's."""
    lists = [flat.get(key) for key in (name, f"{name}_custom")]
    return [str(word) for words in lists if isinstance(words, list) for word in words if str(word).strip()]


def _take_base_weights(into: Collector, flat: Mapping[str, Any]) -> None:
    """One a line in the page's fields."""
    if not flat.get("enable_base_weight", "base_weights" in flat):
        return
    for name in ("base_weights", "base_weights_multiplier"):
        value = flat.get(name)
        lines = value.split("\n") if isinstance(value, str) else value if isinstance(value, list) else []
        if words := [str(line).strip() for line in lines if str(line).strip()]:
            into.take(name, words)
