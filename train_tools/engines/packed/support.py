"""What the packed engine can't honour of sd-scripts' arguments, with the reason. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.engines.packed.base.quicker import why_not as not_compiled
from train_tools.engines.packed.config import LAST_STATE, PACK, ROWS
from train_tools.engines.packed.network import words as network
from train_tools.engines.packed.step.optimizers import why_not as no_optimizer
from train_tools.engines.packed.step.schedules import why_not as no_schedule
from train_tools.families.interface import Found
from train_tools.families.registry import FAMILIES

# Arguments that change speed, memory or logs but not the result: accepted, and nothing to do.
WITHOUT_EFFECT = frozenset({
    "cache_latents", "cache_latents_to_disk", "vae_batch_size", "xformers", "sdpa", "mem_eff_attn",
    "max_data_loader_n_workers", "persistent_data_loader_workers", "console_log_simple",
    "console_log_level", "console_log_file", "logging_dir", "log_prefix", "no_metadata",
    "tokenizer_cache_dir", "lowram", "highvram", "skip_cache_check", "cache_info", "output_dir", "v2",
    # What the engine does by itself where texts aren't trained.
    "cache_text_encoder_outputs_to_disk", "text_encoder_batch_size",
    # Its newest state is always kept until a run has finished.
    "save_last_n_epochs_state", "save_last_n_steps_state",
    # What tunes something that this engine refuses or never does.
    "wandb_run_name", "log_tracker_name",
})  # fmt: skip
# What a person wants to stand in a file's metadata.
SAID = frozenset({
    "metadata_title", "metadata_author", "metadata_description", "metadata_license", "metadata_tags",
    "metadata_trigger_phrase", "metadata_usage_hint", "metadata_thumbnail", "metadata_merged_from",
    "metadata_preprocessor", "metadata_is_negative_embedding",
})  # fmt: skip
# Where only these values of what isn't known mean nothing to do.
ONLY: Mapping[str, tuple[Any, ...]] = {"log_with": (None, "tensorboard")}
OFF: tuple[Any, ...] = (None, False, "", 0, [])
PACKED = ", ".join(family.title for family in FAMILIES if family.is_packed)
# All runs of a pack must agree in them.
SHARED = tuple(argument for argument, (_, known) in ROWS.items() if known.scope == PACK)


def unsupported(arguments: Mapping[str, Any]) -> list[str]:
    """One reason for each argument that this engine can't honour; empty where it can train the run."""
    reasons = []
    for name, value in arguments.items():
        only = ROWS[name][1].only if name in ROWS else ONLY.get(name, ())
        if only:
            if value not in only:
                reasons.append(_not_among(name, value, only))
        elif name not in ROWS.keys() | WITHOUT_EFFECT | SAID and _is_on(name, value):
            reasons.append(f"{name} is not known to the packed engine")
    for why_not in (network.why_not, no_optimizer, no_schedule, not_compiled):
        reasons += why_not(arguments)
    if (folder := arguments.get("resume")) and not (Path(str(folder)) / LAST_STATE).is_file():
        reasons.append(f"resume {folder} holds no state of the packed engine ({LAST_STATE})")
    return reasons


def _is_on(name: str, value: Any) -> bool:
    """Whether it asks for anything. 0 does where something else is the default."""
    if (
        name not in ARGUMENTS
    ):  # the installed sd-scripts alone knows it, and gives it only where it isn't the default
        return value is not None
    default = ARGUMENTS[name].sd_default
    if value == default or value is None:
        return False
    return value not in OFF or default not in OFF


def _not_among(name: str, value: Any, only: tuple[Any, ...]) -> str:
    known = ", ".join(str(one) for one in only if one is not None)
    return f"{name} = {value!r} is not known to the packed engine; it knows {known}"


def unsupported_base(base: Found) -> list[str]:
    if base.family is not None and base.family.is_packed:
        return []
    return [f"the base model is {base.title}, and the packed engine trains {PACKED}"]


def pack_key(arguments: Mapping[str, Any]) -> str:
    """Equal for runs that may be trained in one pack."""
    return repr(
        (sorted((name, arguments[name]) for name in SHARED if name in arguments), network.form(arguments))
    )
