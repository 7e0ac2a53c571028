"""Reads settings from a file of another program: what it is, is told by its content."""

from __future__ import annotations

import json
from pathlib import Path

from train_tools.arguments.families import family_named
from train_tools.errors import UsageError
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.kohya_ss import from_kohya_ss
from train_tools.planning.imports.lora_metadata import from_metadata
from train_tools.planning.imports.sd_scripts import from_command_line, from_config
from train_tools.planning.imports.sd_trainer import from_sd_trainer, is_sd_trainer
from train_tools.workspace import toml

SCRIPTS = (".sh", ".ps1", ".bat", ".cmd", ".txt")


def import_settings(file: Path, family: str = "") -> Imported:
    """From kohya_ss' JSON, SD-Trainer's or sd-scripts' TOML, a script or command line, or a LoRA.

    `family` is asked for sd-scripts' own formats, which don't always tell it. Raises UsageError where the file is
    none of these, TrainToolsError where a LoRA is damaged.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    known = family_named(family).name if family else ""
    ending = file.suffix.lower()
    if ending == ".safetensors":
        return from_metadata(read_header(file).metadata)
    if ending == ".json":
        return from_kohya_ss(_json(file))
    if ending == ".toml":
        data = toml.load(file)
        return from_sd_trainer(data) if is_sd_trainer(data) else from_config(data, known)
    if ending in SCRIPTS:
        return from_command_line(_text(file), known)
    raise UsageError(
        f"{file.name}: settings come from .json (kohya_ss), .toml (SD-Trainer, sd-scripts), "
        f"{', '.join(SCRIPTS)} (a command line) or .safetensors (a LoRA)"
    )


def _json(file: Path) -> dict[str, object]:
    try:
        data = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} isn't JSON: {error}") from error
    if not isinstance(data, dict) or not {"network_dim", "network_alpha"} <= set(data):
        raise UsageError(f"{file.name} holds no settings of kohya_ss' LoRA tab")
    return data


def _text(file: Path) -> str:
    data = file.read_bytes()
    # PowerShell writes UTF-16 unless told otherwise.
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} isn't text in UTF-8; save it so") from error
