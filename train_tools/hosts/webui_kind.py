"""Which webui this is, by what it has: several call themselves Forge in places."""

from __future__ import annotations

import sys

from train_tools.hosts import modules

A1111, FORGE, NEO, REFORGE, CLASSIC, SD_NEXT = (
    "AUTOMATIC1111", "Forge", "Forge Neo", "reForge", "Forge Classic", "SD.Next",
)  # fmt: skip


def kind() -> str:
    sd_models = modules.module("sd_models")
    if hasattr(sd_models, "get_closest_checkpoint_match") and not hasattr(
        sd_models, "get_closet_checkpoint_match"
    ):
        return SD_NEXT
    if modules.anywhere("modules_forge") is None:
        return A1111
    if "ldm_patched.modules.model_management" in sys.modules:
        return REFORGE if modules.part("sd_schedulers", "schedulers") else CLASSIC
    # Neo threw out what Forge keeps for extensions and leaves empty.
    return FORGE if hasattr(sd_models, "send_model_to_cpu") else NEO


def version() -> str:
    """Empty where the webui can't tell."""
    own = modules.anywhere("modules_forge.forge_version")
    for name in ("release", "version"):
        if found := getattr(own, name, ""):
            return str(found)
    tag = modules.part("launch_utils", "git_tag")
    text = str(tag()) if callable(tag) else ""
    return "" if text == "<none>" else text
