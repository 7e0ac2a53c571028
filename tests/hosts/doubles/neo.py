"""Haoming02's Forge Neo 2.26 as in exo101/sd-webui-forge-neo-v3 (webui/), commit 5692d2d of 2026-08-17.

As Forge, but:
- no reload_model_weights, no send_model_to_*, no checkpoints_loaded; after an error in forge_model_reload a
  FakeInitialModel is there and forge_hash is empty. Neither interrogator nor modules.deepbooru
- options: CLIP_stop_at_last_layers' default is 2 and stands in no config; forge_model_mode "api" draws elsewhere
  (this tree's own)
- modules/processing.py: sizes are rounded to multiples of 64; sd_model.set_shift(shift=p.distilled_cfg_scale), used
  where sd_model.use_shift
- more than half of a LoRA's tensors unknown, or a quarter of a part's weights: left out unsaid
- backend/patcher/base.py: the patcher of ComfyUI (patches, backup); dynamic_args is an object with nunchaku
- cmd_opts.lora_dirs: more folders of LoRA files; forbidden_network_aliases is a set
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from hosts.doubles import patched
from hosts.doubles.comfy import Patcher
from hosts.doubles.forge import Forge
from hosts.doubles.nets import Part
from hosts.doubles.patched import FakeInitialModel


class Neo(Forge):
    NAME = "Forge Neo"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Forge.DEFAULTS, "CLIP_stop_at_last_layers": 2, "forge_model_mode": "local",
    }  # fmt: skip
    ABSENT = ("modules.deepbooru", "modules.interrogate")

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.deepbooru = self.interrogator = None
        self.nunchaku = SimpleNamespace(nunchaku=False, online_lora=False)
        self.cmd_opts.lora_dirs = [str(folder / "more")]
        self.patchers: list[Patcher] = []
        self.networks.forbidden_network_aliases = set()  # type: ignore[attr-defined]

    def lora_modules(self) -> Any:
        found = super().lora_modules()
        self.networks.forbidden_network_aliases = set()  # type: ignore[attr-defined]
        return found

    def forbid(self, alias: str) -> None:
        self.networks.forbidden_network_aliases.add(alias)  # type: ignore[attr-defined]

    def lora_folders(self) -> list[str]:
        return [self.cmd_opts.lora_dir, *self.cmd_opts.lora_dirs]

    def dynamic_args(self) -> Any:
        return self.nunchaku

    def contents(self) -> dict[str, dict[str, Any]]:
        found = super().contents()
        del found["modules.shared"]["interrogator"]
        unload = found["backend.memory_management"]["unload_all_models"]

        def unload_all_models() -> None:
            unload()
            for patcher in self.patchers:
                patcher.unpatch_model(patcher.offload_device)

        found["backend.memory_management"]["unload_all_models"] = unload_all_models
        return found

    def sd_models(self) -> dict[str, Any]:
        found = super().sd_models()
        for name in [
            "reload_model_weights",
            "checkpoints_loaded",
            *(n for n in found if n.startswith("send_")),
        ]:
            del found[name]
        return found

    def make_patcher(self, part: Part) -> Any:
        self.patchers.append(Patcher(part))
        return self.patchers[-1]

    def after_a_failed_load(self) -> None:
        self.data.sd_model, self.data.forge_hash = FakeInitialModel(), ""

    def rounded(self, side: int) -> int:
        return max((side + 32) // 64 * 64, 64)

    def process_images(self, p: Any) -> Any:
        if self.opts.forge_model_mode == "api":
            self.sent += 1
            raise RuntimeError("API Key is not configured. Please set it in the Quicksettings.")
        return super().process_images(p)

    def depends(self, p: Any) -> list[Any]:
        model = self.data.sd_model
        return [p.distilled_cfg_scale] if model.use_distilled_cfg_scale or model.use_shift else []

    def load_lora_for_models(self, unet: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float,
                             filename: str) -> tuple[Any, Any]:  # fmt: skip
        if self.nunchaku.nunchaku:
            unet.model.diffusion_model.loras.append((filename, strength_model))
            return unet, clip
        lora_unet, rest = patched.load_lora(lora, patched.model_lora_keys_unet(unet.model))
        lora_clip, rest = patched.load_lora(rest, patched.model_lora_keys_clip(clip.cond_stage_model))
        if len(rest) / len(lora) > 0.5:
            return unet, clip
        if lora_unet:
            unet = unet.clone()
            unet.add_patches(filename=filename, patches=lora_unet, strength_patch=strength_model)
        if lora_clip:
            clip = clip.clone()
            clip.add_patches(filename=filename, patches=lora_clip, strength_patch=strength_clip)
        return unet, clip
