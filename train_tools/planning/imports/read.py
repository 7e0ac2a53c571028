"""Reads settings from a file of another program: what it is, is told by its content."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from train_tools.errors import UsageError
from train_tools.families.registry import family_named
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.imports import documents
from train_tools.planning.imports.ai_toolkit import from_ai_toolkit, is_ai_toolkit
from train_tools.planning.imports.anima_studio import from_anima_studio, is_anima_studio
from train_tools.planning.imports.civitai import from_civitai, is_civitai
from train_tools.planning.imports.easy_training import (
    from_easy_training,
    from_old_easy_training,
    is_easy_training,
    is_old_easy_training,
)
from train_tools.planning.imports.foreign import foreign, foreign_list
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.kohya_ss import from_kohya_ss, is_kohya_ss
from train_tools.planning.imports.lora_metadata import from_lora
from train_tools.planning.imports.onetrainer import from_onetrainer, is_onetrainer
from train_tools.planning.imports.sd_scripts import from_command_line, from_config
from train_tools.planning.imports.sd_trainer import from_sd_trainer, is_sd_trainer
from train_tools.planning.text_files import read_text

FENCED = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
Reader = Callable[[Mapping[str, Any]], Imported]
# The first whose marks are there; what none knows is read by sd-scripts' own names.
PROGRAMS: tuple[tuple[Callable[[Mapping[str, Any]], bool], Reader], ...] = (
    (is_ai_toolkit, from_ai_toolkit),
    (is_easy_training, from_easy_training),
    (is_onetrainer, from_onetrainer),
    (is_kohya_ss, from_kohya_ss),
    (is_old_easy_training, from_old_easy_training),
    (is_sd_trainer, from_sd_trainer),
    (is_anima_studio, from_anima_studio),
    (is_civitai, from_civitai),
)
LOOKED_FOR = (
    "nothing in it is a setting of a LoRA training: looked for were the names of sd-scripts (learning_rate, "
    "network_dim …), as it, kohya_ss, SD-Trainer and LoRA_Easy_Training_Scripts write them, its dataset_config, and "
    "the settings of OneTrainer, ai-toolkit, AnimaLoraStudio and Civitai"
)


def import_settings(file: Path, family: str = "") -> Imported:
    """From another program's JSON, TOML or YAML, a script or command line, or a LoRA.

    `family` is asked for sd-scripts' own formats, which don't always tell it. Raises UsageError where the file is none
    of these or nothing in it can be used, TrainToolsError where a LoRA is damaged.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    known = family_named(family).name if family else ""
    ending = file.suffix.lower()
    if ending == ".safetensors":
        header = read_header(file)
        return from_lora(header.metadata, header.tensors)
    if ending in (".ckpt", ".pt", ".pth", ".bin"):
        raise UsageError(f"{file.name} can't say how it was trained; only LoRAs that are .safetensors can")
    text = read_text(file)
    try:
        data = documents.parsed(text, ending)
    except documents.NotReadableError as error:
        raise UsageError(f"{file.name} can't be read as {error}; mend that place") from error
    if isinstance(data, list):
        raise UsageError(f"{file.name}: {foreign_list(data) or LOOKED_FOR}")
    imported = _from_text(text, known) if data is None else from_data(data, known)
    if not imported.mapped:
        raise UsageError(f"{file.name}: {_why_nothing(imported)}")
    return imported


def _from_text(text: str, family: str) -> Imported:
    """A command line or script; of a guide the first block of code that holds any settings."""
    refused: UsageError | None = None
    for block in FENCED.findall(text):
        try:
            data = documents.parsed(block, "")
            found = from_data(data, family) if isinstance(data, Mapping) else from_command_line(block, family)
        except UsageError as error:
            refused = refused or error
            continue
        if found.mapped:
            return found
    try:
        return from_command_line(text, family)
    except UsageError as error:
        raise refused or error from error


def from_data(data: Mapping[str, Any], family: str = "") -> Imported:
    """From what a file holds. Raises UsageError where it is of a program or for something that can't be used here."""
    if sentence := foreign(data):
        raise UsageError(sentence)
    if metadata := _metadata(data):
        return from_lora(metadata)
    if isinstance(data.get("schema"), int) and isinstance(own := data.get("training"), Mapping):
        return replace(from_config(own, family), source="Train Tools settings")
    for is_its, reader in PROGRAMS:
        if is_its(data):
            return reader(data)
    return from_config(data, family)


def _metadata(data: Mapping[str, Any]) -> Mapping[str, str]:
    """A LoRA's, as programs show it as JSON; empty where it is none."""
    for table in (data, data.get("__metadata__"), data.get("metadata")):
        if isinstance(table, Mapping) and "ss_network_module" in table:
            return {
                str(key): value
                if isinstance(value, str)
                else json.dumps(value)
                if isinstance(value, (dict, list))
                else str(value)
                for key, value in table.items()
            }
    return {}


def _why_nothing(imported: Imported) -> str:
    """A command line that leaves all to a file or a variable says to which; else what was looked for."""
    for left in imported.left_out:
        if left.key == "config_file" or left.key.startswith("$"):
            return f"{left.key}: {left.reason}"
    return LOOKED_FOR
