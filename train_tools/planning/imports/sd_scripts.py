"""Settings from sd-scripts itself: its --config_file, or a command line or script that calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_tools.arguments.config_file import flattened
from train_tools.arguments.families import FAMILIES, family_of_script
from train_tools.planning.imports.imported import Collector, Imported
from train_tools.planning.pasted import parse_pasted

DEFAULT_FAMILY = "sd"


def from_config(data: Mapping[str, Any], family: str = "") -> Imported:
    """From a --config_file's data; the family is told, or guessed from arguments that only one has."""
    flat = flattened(data)
    into = Collector("sd-scripts config file", family or guessed_family(flat))
    for key, value in flat.items():
        if key not in ("max_train_epochs", "max_train_steps"):
            into.take(key, value)
    into.take_epochs("max_train_epochs", flat.get("max_train_epochs"), flat.get("max_train_steps"))
    into.assume_defaults()
    return into.result()


def from_command_line(text: str, family: str = "") -> Imported:
    """Raises UsageError for an argument or value that sd-scripts wouldn't take either."""
    pasted = parse_pasted(text)
    script = family_of_script(pasted.script)
    into = Collector(
        "command line", family or (_of_script(script.name, pasted.values) if script else DEFAULT_FAMILY)
    )
    for name, value in pasted.settings.items():
        if name not in ("max_train_epochs", "max_train_steps"):
            into.take_setting(f"--{name}", name, value)
    into.take_epochs(
        "max_train_epochs", pasted.values.get("max_train_epochs"), pasted.values.get("max_train_steps")
    )
    for name, reason in pasted.left_out.items():
        into.leave(name, None, reason)
    if pasted.script:
        into.assume_defaults()
    return into.result()


def guessed_family(arguments: Mapping[str, Any]) -> str:
    """By the network module and by the files that only one family asks for; sd where nothing says otherwise."""
    if arguments.get("model_type") == "chroma":
        return "chroma"
    module = str(arguments.get("network_module"))
    for family in FAMILIES.values():
        others = [name for name in family.required if name not in ("pretrained_model_name_or_path", "vae")]
        if (others and all(arguments.get(name) for name in others)) or (
            module in family.network_modules[:1] and module != "networks.lora"
        ):
            return family.name
    return (
        "sdxl"
        if arguments.get("cache_text_encoder_outputs") or arguments.get("no_half_vae")
        else DEFAULT_FAMILY
    )


def _of_script(name: str, arguments: Mapping[str, Any]) -> str:
    return "chroma" if name == "flux" and arguments.get("model_type") == "chroma" else name
