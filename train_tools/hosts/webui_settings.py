"""What a person has chosen in the webui that decides every picture, beside the request: asked before one is made.

`OptionInfo.infotext` is the webui's own mark for such an option (modules/shared_options.py, since version 1.6).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_tools.hosts import modules

# What a request sets itself, and what concerns no plain txt2img.
SET_BY_REQUEST = frozenset({
    "sd_model_checkpoint", "sd_checkpoint_hash", "CLIP_stop_at_last_layers", "sd_vae", "forge_additional_modules",
    "randn_source", "eta_noise_seed_delta", "hires_fix_refiner_pass", "sd_vae_encode_method",
    "inpainting_mask_weight", "initial_noise_multiplier", "img2img_extra_noise", "token_merging_ratio_hr",
    "refiner_switch_by_sample_steps",
})  # fmt: skip
# What decides a picture without that mark, by what an infotext calls it (modules/processing.py of Forge and Neo).
UNMARKED = {"forge_unet_storage_dtype": "Diffusion in Low Bits"}
MODULES = "forge_additional_modules"


def picture_settings(name: str, version: str) -> dict[str, Any]:
    """`vae` and `modules` are names of files or the webui's own words (`Automatic`); what it hasn't got is absent."""
    found: dict[str, Any] = {"host": " ".join(part for part in (name, version) if part)}
    if (chosen := modules.option(MODULES)) is not None:
        found |= {"vae": "", "modules": sorted(Path(str(file)).name for file in chosen)}
    elif (vae := modules.option("sd_vae")) is not None:
        found |= {"vae": "" if vae == "None" else str(vae), "modules": []}
    found |= {"ensd": modules.option("eta_noise_seed_delta", 0), "rng": modules.option("randn_source", "GPU")}
    return {**found, "options": _others()}


def _others() -> dict[str, Any]:
    """By what an infotext calls them."""
    labels = getattr(modules.part("shared", "opts"), "data_labels", None)
    found = {}
    for name, info in (labels if isinstance(labels, dict) else {}).items():
        label = UNMARKED.get(name) or getattr(info, "infotext", None)
        if label and name not in SET_BY_REQUEST:
            value = modules.option(name, getattr(info, "default", None))
            if value != getattr(info, "default", None) and isinstance(value, (str, int, float, bool)):
                found[str(label)] = value
    return found
