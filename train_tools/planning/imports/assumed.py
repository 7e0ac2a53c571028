"""What a source doesn't say: whether sd-scripts' default is taken over for it, or ours stays.

Only arguments whose default is another here are asked about. A text that is whole, so that sd-scripts could have run
it, relies on sd-scripts' defaults, and its training is repeated by taking them over. Of an excerpt nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.families.interface import Family

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
    "no_half_vae",  # the same in result, but for the VAEs that then give nothing
})  # fmt: skip
# What is said where it isn't taken over: it changes the training.
SAID = frozenset({
    "learning_rate", "lr_scheduler", "network_dim", "network_alpha", "min_snr_gamma", "enable_bucket",
    "max_train_epochs", "resolution", "mixed_precision", "timestep_sampling", "discrete_flow_shift", "guidance_scale",
    "model_prediction_type", "network_train_unet_only",
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


def ours(row: Argument, family: Family) -> Any:
    """The default of a version of ours on a base model of that family."""
    own = row.sd_default_in(family.name) if row.default == row.sd_default else row.default
    return family.training.defaults.get(row.name, own)


def of_sd_scripts(row: Argument, family: Family) -> Any:
    return MEANT.get(row.name, row.sd_default_in(family.name))


def differs(row: Argument, family: Family) -> bool:
    return row.is_known_in(family.name) and ours(row, family) != row.sd_default_in(family.name)


def counts(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether the argument has any effect beside the others that are given."""
    if name in ("network_dim", "network_alpha"):
        return not settings.get("dim_from_weights")  # network_weights says it
    if name == "max_bucket_reso":
        return settings.get("enable_bucket") is not False
    if name != "learning_rate":
        return True
    has_unet = "unet_lr" in settings or settings.get("network_train_text_encoder_only") is True
    has_text = "text_encoder_lr" in settings or settings.get("network_train_unet_only") is True
    return not (has_unet and has_text)


def not_taken(row: Argument, family: Family) -> str:
    kept = _text(ours(row, family))
    if row.name == "max_train_epochs":
        return f"nothing is said of it; what the version has set stays, or our default, {kept}"
    return (
        f"nothing is said of it; what the version has set stays, or our default, {kept}; "
        f"sd-scripts' is {_text(of_sd_scripts(row, family))}"
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
