"""What a source doesn't say: whether sd-scripts' default is taken over for it, or ours stays.

Only arguments whose default is another here are asked about. A text that is whole, so that sd-scripts could have run
it, relies on sd-scripts' defaults, and its training is repeated by taking them over. Of an excerpt nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.families import Family

# Never taken over:
NEVER: frozenset[str] = frozenset({
    "caption_extension",  # a version's captions are always .txt: .caption would leave them all unused
    "max_train_epochs",  # sd-scripts trains 1600 steps, which are no number of epochs
    "resolution",  # sd-scripts has none and fails
    "mixed_precision",  # its `no` takes twice the memory and time for the same training
    "cache_latents", "seed",  # the same in result
    "optimizer_type",  # sd-scripts' empty value is AdamW
    "network_module",  # has no default there
    "save_every_n_epochs", "save_precision",  # about the files, not the training
})  # fmt: skip
# What is said where it isn't taken over: it changes the training.
SAID = frozenset({
    "learning_rate", "lr_scheduler", "network_dim", "network_alpha", "min_snr_gamma", "enable_bucket",
    "max_train_epochs", "resolution", "mixed_precision",
})  # fmt: skip
MEANT: Mapping[str, Any] = {"network_dim": 4}  # the rank of networks.lora where none is given
DATA = ("train_data_dir", "dataset_config", "in_json", "dataset_class", "datasets")


def is_whole(keys: Mapping[str, Any]) -> bool:
    """Whether sd-scripts could train with these arguments: a base model, a network, and images are named."""
    return (
        "pretrained_model_name_or_path" in keys
        and "network_module" in keys
        and any(name in keys for name in DATA)
    )


def of_sd_scripts(row: Argument) -> Any:
    return MEANT.get(row.name, row.sd_default)


def counts(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether the argument has any effect beside the others that are given."""
    if name in ("network_dim", "network_alpha"):
        return not settings.get("dim_from_weights")  # network_weights says it
    if name != "learning_rate":
        return True
    has_unet = "unet_lr" in settings or settings.get("network_train_text_encoder_only") is True
    has_text = "text_encoder_lr" in settings or settings.get("network_train_unet_only") is True
    return not (has_unet and has_text)


def not_taken(row: Argument, family: Family) -> str:
    ours = family.defaults.get(row.name, row.default)
    if row.name == "max_train_epochs":
        return f"nothing is said of it; what the version has set stays, or our default, {ours}"
    return (
        f"nothing is said of it; what the version has set stays, or our default, {_text(ours)}; "
        f"sd-scripts' is {_text(of_sd_scripts(row))}"
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
