"""A run against the sd-scripts that is installed: what that doesn't know, and where its defaults are others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.current import current, look_again
from train_tools.arguments.installed import Installed
from train_tools.arguments.table import ARGUMENTS
from train_tools.environment.sd_scripts_asked import Asked, ask, is_due
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.families.interface import Family

NEWER = "install a newer one (`env create --sd-scripts`)"
MODULE = "network_module"


def due() -> Path | None:
    """The checkout that is used, where it must be asked what it knows; quick."""
    checkout = sd_scripts_folder()
    return checkout if checkout is not None and is_due(checkout) else None


def ask_now(checkout: Path) -> Asked:
    """Takes seconds."""
    answer = ask(checkout)
    look_again()
    return answer


def lacking(arguments: Mapping[str, Any], family: Family) -> list[str]:
    """A sentence for each argument that is set and that the installed version doesn't know; it would ignore them.

    Empty where it wasn't asked.
    """
    table = current()
    installed = table.installed
    if installed is None or family.training.script in installed.silent:
        return []
    said = installed.of(family)
    if said is None:
        return [f"{installed.name} has no {family.training.script} to train {family.title}; {NEWER}"]
    unknown = [
        name
        for name, value in arguments.items()
        if name not in said
        and (row := table.arguments.get(name)) is not None
        and row.is_known_in(family.name)
        and value not in (None, row.sd_default_in(family.name))
    ]
    sentences = [f"{installed.name} doesn't know {name}; leave it out, or {NEWER}" for name in unknown]
    return [*sentences, *_no_network(str(arguments.get(MODULE) or ""), installed)]


def _no_network(module: str, installed: Installed) -> list[str]:
    """Its own modules alone: others may lie anywhere."""
    if not module.startswith("networks.") or not installed.networks or module in installed.networks:
        return []
    has = ", ".join(installed.networks)
    return [f"{installed.name} has no {module}; choose one of {has}, or {NEWER}"]


def with_defaults(arguments: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """With those said that a run leaves to their default, where the installed version has another than was planned."""
    installed = current().installed
    said = (installed.of(family) if installed else None) or {}
    meant: dict[str, Any] = {}
    for name, one in said.items():
        row = ARGUMENTS.get(name)
        if row is None or name in arguments or row.chosen_by_us or row.instead is not None:
            continue
        default = row.sd_default_in(family.name)
        is_allowed = one.choices is None or default in one.choices
        if default is not None and (default or one.default) and default != one.default and is_allowed:
            meant[name] = default
    return {**arguments, **meant}
