"""Of which family a run's base model is, and so which of sd-scripts' trainers it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.errors import UsageError
from train_tools.families.detect import detect, told
from train_tools.families.interface import BASE, Family

FAMILY = "family"  # in a run's arguments: what a person says of a base model that isn't known


def family_of(arguments: Mapping[str, Any]) -> Family:
    """By the base model's head, or by what a person says. Raises UsageError where it is no base model for training."""
    base_model = Path(str(arguments.get(BASE) or ""))
    found = told(detect(base_model), str(arguments.get(FAMILY) or ""))
    if found.family is None:
        fault = found.fault
        said = f"{fault.what}; {fault.instead}" if fault else "unknown"
        raise UsageError(f"the base model {base_model.name} is {said}")
    return found.family
