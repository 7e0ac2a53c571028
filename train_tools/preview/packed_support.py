"""What the renderer `diffusers` can't draw, asked before anything is trained or loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from train_tools.errors import UsageError
from train_tools.families.interface import Found

from . import samplers

LYCORIS = "lycoris.kohya"
# What their files hold is in lora/kinds. The last two: newer versions of sd-scripts have them without LyCORIS.
MODULES = (
    "networks.lora", "networks.lora_fa", "networks.dylora", "networks.oft", LYCORIS, "networks.loha", "networks.lokr",
)  # fmt: skip
ALGORITHMS = (
    "lora", "locon", "loha", "lokr", "ia3", "full", "glora", "dylora", "diag-oft", "boft",
)  # fmt: skip


def why_not(found: Found, run_arguments: Mapping[str, Any], sampler: str, scheduler: str) -> str:
    """A sentence; "" where the run's pictures can be drawn."""
    if found.family is None:
        return "our own renderer doesn't draw a base model of an unknown family"
    if not found.family.is_loaded:
        return f"our own renderer doesn't draw {found.title}"
    module = str(run_arguments.get("network_module") or MODULES[0])
    if module not in MODULES:
        return f"our own renderer doesn't know the networks of {module}"
    if module == LYCORIS and (algorithm := _algorithm(run_arguments)) not in ALGORITHMS:
        return f"our own renderer doesn't know LyCORIS' algorithm {algorithm}"
    try:
        samplers.check(sampler, scheduler)
    except UsageError as error:
        return str(error)
    return ""


def _algorithm(run_arguments: Mapping[str, Any]) -> str:
    told = dict(_words(run_arguments.get("network_args") or ()))
    return (told.get("algo") or "lora").lower()  # LyCORIS' own default


def _words(given: Any) -> Iterator[tuple[str, str]]:
    for word in given.split() if isinstance(given, str) else given:
        name, _, value = str(word).partition("=")
        yield name.strip(), value.strip()
