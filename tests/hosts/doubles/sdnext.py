"""vladmandic's SD.Next, commit d11a619 of 2026-07 (read, not run): pictures through it aren't supported.

- modules/sd_models.py: get_closest_checkpoint_match, no checkpoints_loaded; modules.shared.state.begin(title=…);
  Options.set(key, value, force=False); LoRAs by modules.lora.lora_load, no modules `networks` and `network`
- no modules.sd_schedulers, no visible_sampler_names; neither interrogator nor modules.deepbooru; cmd_opts.lora_dir may
  be None
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from hosts.doubles.common import LORA_MODULES, Double
from hosts.doubles.parts import State


class SdNextState(State):
    def begin(self, title: str = "") -> None:  # type: ignore[override]
        self.job = title


class SdNext(Double):
    NAME = "SD.Next"
    SCHEDULERS = ()
    ABSENT = ("modules.deepbooru", "modules.sd_schedulers", *LORA_MODULES)

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.interrogator = self.deepbooru = None
        self.state = SdNextState()
        self.data = SimpleNamespace(sd_model=None)
        self.cmd_opts.lora_dir = None

    def contents(self) -> dict[str, dict[str, Any]]:
        found = super().contents()
        del found["modules.sd_samplers"]["visible_sampler_names"]
        return found

    def sd_models(self) -> dict[str, Any]:
        found = super().sd_models()
        found["get_closest_checkpoint_match"] = found.pop("get_closet_checkpoint_match")
        return found

    def lora_modules(self) -> dict[str, ModuleType]:
        return {}

    def load_chosen(self) -> None:
        pass
