"""The settings that Civitai shows of a training on its site, and what other programs write in the same spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.families.programs import CIVITAI
from train_tools.families.registry import by_program
from train_tools.planning.imports.dataset_config import PLACES
from train_tools.planning.imports.imported import Collector, Imported, is_on
from train_tools.planning.imports.optimizers import optimizer_named

SOURCE = "Civitai's training settings"
NAMES = {
    "unetLR": "unet_lr", "textEncoderLR": "text_encoder_lr", "flipAugmentation": "flip_aug",
    "epochs": "max_train_epochs",
    "batchSize": "train_batch_size", "optimizer": "optimizer_type", "scheduler": "lr_scheduler",
}  # fmt: skip
OWN = ("engine", "targetSteps", "optimizerArgs", "samplePrompts", "negativePrompt", "highPriority", "staging")
LARGE = 1024  # pixels: what a large base model is trained at


def is_civitai(data: Mapping[str, Any]) -> bool:
    return "networkDim" in data and "network_dim" not in data


def from_civitai(data: Mapping[str, Any]) -> Imported:
    """From the parsed JSON; which kind of base model it was for, it doesn't say."""
    size = data.get("resolution")
    is_large = isinstance(size, int) and size >= LARGE
    family = by_program(CIVITAI)["1024" if is_large else "512"]
    into = Collector(SOURCE, family.name, "Civitai", is_guess=True)
    for key, value in data.items():
        name = NAMES.get(key, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())
        if key in OWN or value is None:
            continue
        if key == "numRepeats":
            into.leave(key, value, PLACES["num_repeats"])
        elif key == "loraType":
            _take_network(into, str(value))
        elif name == "text_encoder_lr" and not is_on(value):
            into.take(key, True, "network_train_unet_only")
        elif name == "optimizer_type":
            into.take(key, optimizer_named(str(value)) or value, name)
        elif name == "resolution":
            into.take(key, str(value), name)
        elif name not in ARGUMENTS or not _is_off(name, value):
            into.take(key, value, name)
    into.assume_defaults(is_complete=False)
    return into.result()


def _take_network(into: Collector, kind: str) -> None:
    if kind.lower() == "lora":
        into.take("loraType", "networks.lora", "network_module")
    elif kind.lower() in ("locon", "lycoris"):
        into.take("loraType", "lycoris.kohya", "network_module")
        into.take("loraType", ["algo=locon"], "network_args")
    else:
        into.leave("loraType", kind, "this kind of network isn't known")


def _is_off(name: str, value: Any) -> bool:
    """0 says that it isn't used, where an argument can't be 0."""
    minimum = ARGUMENTS[name].minimum
    return value == 0 and not isinstance(value, bool) and minimum is not None and minimum > 0
