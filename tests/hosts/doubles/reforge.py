"""Panchovix's stable-diffusion-webui-reForge, commit 3b56b268 of 2026-03-11.

- modules/processing.py: process_images_inner reads p.scripts.alwayson_scripts without asking whether there are scripts
- modules/sd_models.py: reload_model_weights loads what the settings name; send_model_to_* are empty; loaded_sd_models;
  no FakeInitialModel, no forge_hash. modules/sd_vae.py as AUTOMATIC1111's; sd_text_encoder instead of modules
- modules_forge/forge_loader.py: opts.sd_text_encoder, "Automatic" (the model's own), "None", or another's label
- ldm_patched/modules/sd.py: load_lora_for_models(model, clip, lora, strength_model, strength_clip, filename) always
  clones, and refuses nothing; a part at weight 0 has no patches
- ldm_patched/modules/model_base.py: BaseModel.model_sampling is of a class made from V_PREDICTION, which is an EPS,
  where the model's file has the tensor v_pred
- ldm_patched/modules/model_management.py: current_loaded_models, unload_all_models(), soft_empty_cache(force=False)
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from hosts.doubles import patched
from hosts.doubles.comfy import Patcher
from hosts.doubles.common import Double
from hosts.doubles.nets import Part
from hosts.doubles.patched import Patched, SdModel
from hosts.doubles.vaes import WithSdVae


class EPS:
    """ldm_patched/modules/model_sampling.py."""


class V_PREDICTION(EPS):
    pass


class ReForge(WithSdVae, Patched):
    NAME = "reForge"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Double.DEFAULTS, "sd_vae": "Automatic", "sd_vae_overrides_per_model_preferences": True,
        "sd_text_encoder": "Automatic",
    }  # fmt: skip

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.data = SimpleNamespace(sd_model=None, loaded_sd_models=[])
        self.resident: list[Any] = [object()]
        self.patchers: list[Patcher] = []

    def contents(self) -> dict[str, dict[str, Any]]:
        def unload_all_models() -> None:
            self.freed.append("models")
            self.resident.clear()
            for patcher in self.patchers:
                patcher.unpatch_model(patcher.offload_device)

        return {
            **super().contents(),
            "modules_forge": {"__path__": []},
            "ldm_patched": {"__path__": []},
            "ldm_patched.modules": {"__path__": []},
            "ldm_patched.modules.lora": patched.KEY_MAPS,
            "ldm_patched.modules.model_management": {
                "current_loaded_models": self.resident, "unload_all_models": unload_all_models,
                "soft_empty_cache": lambda force=False: self.freed.append("cache"),
            },
        }  # fmt: skip

    def sd_models(self) -> dict[str, Any]:
        empty = {f"send_model_to_{place}": lambda m: None for place in ("cpu", "device", "trash")}
        return {
            **super().sd_models(), **empty, "reload_model_weights": self.load_chosen, "checkpoints_loaded": {},
            "unload_model_weights": lambda *a: None,
        }  # fmt: skip

    def make_patcher(self, part: Part) -> Any:
        self.patchers.append(Patcher(part))
        return self.patchers[-1]

    def load_chosen(self) -> None:
        info = self.select_checkpoint()
        if self.data.sd_model is not None and self.data.sd_model.filename == info.filename:
            self.model_is_taken_again()
            return
        if "broken" in info.name:
            raise RuntimeError("ERROR: Could not detect model type of: broken")
        self.loads.append(info.name)
        self.data.sd_model = SdModel(info, self.make_patcher)
        sampling = type("ModelSampling", (V_PREDICTION if self.velocity else EPS,), {})()
        self.data.sd_model.forge_objects.unet.model.model_sampling = sampling
        self.data.loaded_sd_models[:] = [self.data.sd_model]
        self.opts.data["sd_checkpoint_hash"] = info.sha256
        self.model_is_new()

    def inner(self, p: Any) -> Any:
        next((script for script in p.scripts.alwayson_scripts if script.name == "advanced"), None)
        return super().inner(p)

    def load_lora_for_models(self, unet: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float,
                             filename: str) -> tuple[Any, Any]:  # fmt: skip
        table: dict[str, str] = {}
        if strength_model != 0:
            table = patched.model_lora_keys_unet(unet.model, table)
        if strength_clip != 0:
            table = patched.model_lora_keys_clip(clip.cond_stage_model, table)
        if not table:
            return unet, clip
        loaded, _ = patched.load_lora(lora, table)
        unet, clip = unet.clone(), clip.clone()
        unet.add_patches(loaded, strength_model)
        clip.add_patches(loaded, strength_clip)
        return unet, clip
