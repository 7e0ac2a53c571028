"""Haoming02's sd-webui-forge-classic, branch classic (extensions-builtin/Lora/networks.py of 8dcc3776, ldm_patched/
modules/model_patcher.py; read 2026-11-29, not run).

- no modules.sd_schedulers (the schedule comes with the sampler), no modules.deepbooru, shared.interrogator is None
- networks.load_networks keeps the targets in shared.cached_lora_hash; without a LoRA forge_objects_after_applying_lora
  is None, and there is no forge_objects_original: each picture begins with copies of the loaded objects
- the rest as reForge
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hosts.doubles.common import Double
from hosts.doubles.nets import read
from hosts.doubles.reforge import ReForge


class Classic(ReForge):
    NAME = "Forge Classic"
    SCHEDULERS = ()
    ABSENT = ("modules.deepbooru", "modules.sd_schedulers")

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.interrogator = self.deepbooru = None
        self._plain: Any = None

    def load_chosen(self) -> None:
        before = self.data.sd_model
        super().load_chosen()
        if self.data.sd_model is not before:
            model = self.data.sd_model
            self._plain = model.forge_objects.shallow_copy()
            model.forge_objects_original = model.forge_objects_after_applying_lora = None

    def apply_targets(self, model: Any, targets: list[Any]) -> None:
        if not targets:
            model.forge_objects_after_applying_lora = None
            return
        objects = model.forge_objects
        for filename, unet, text in targets:
            objects.unet, objects.clip = self.load_lora_for_models(
                objects.unet, objects.clip, read(filename), unet, text, filename
            )
        model.forge_objects_after_applying_lora = objects.shallow_copy()

    def activate(self, p: Any) -> None:
        model = self.data.sd_model
        model.forge_objects = self._plain.shallow_copy()
        Double.activate(self, p)
        if model.forge_objects_after_applying_lora is not None:
            model.forge_objects = model.forge_objects_after_applying_lora.shallow_copy()
