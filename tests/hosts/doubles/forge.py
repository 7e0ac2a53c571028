"""lllyasviel's stable-diffusion-webui-forge, commit dfdcbab6 of 2025-06-26.

- modules/sd_models.py: SdModelData.forge_loading_parameters, forge_hash; FakeInitialModel; forge_model_reload() loads
  what the parameters name, where their text isn't forge_hash; after an error in it sd_model is None and forge_hash the
  old one. reload_model_weights and send_model_to_* are empty. select_checkpoint()
- modules_forge/main_entry.py: module_list {name: path}, refresh_models(), refresh_model_loading_parameters(): from
  opts.sd_model_checkpoint and opts.forge_additional_modules, sets processing.need_global_unload
- modules/processing.py: distilled_cfg_scale, used where sd_model.use_distilled_cfg_scale; options are put back by
  sysinfo.set_config, which calls refresh_model_loading_parameters
- backend/patcher/lora.py: more than 12 tensors that nothing takes: the LoRA is left out unsaid; up to 12: they are.
  LoraLoader.refresh(lora_patches, offload_device, force_refresh=False) returns early where the patches' names are
  loaded_hash, which it sets at its end: after a wrong shape (RuntimeError) half-patched weights stay
- backend/patcher/base.py: ModelPatcher.lora_patches {(filename, strength, 1.0, online): {weight: patches}},
  offload_device, lora_loader of the model, clone(), add_patches(filename=, patches=, strength_patch=, online_mode=)
- backend/modules/k_prediction.py: KModel.predictor.prediction_type, "epsilon" or "v_prediction"
- backend/memory_management.py: current_loaded_models, unload_all_models(), soft_empty_cache(force=False)
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from hosts.doubles import patched
from hosts.doubles.common import Double
from hosts.doubles.nets import Part, delta
from hosts.doubles.parts import Processing
from hosts.doubles.patched import FakeInitialModel, Patched, SdModel

SAID = 12  # tensors that may be unknown


class LoraLoader:
    def __init__(self, part: Part) -> None:
        self.part = part
        self.backup: dict[str, Any] = {}
        self.loaded_hash = str([])

    def refresh(self, lora_patches: Any, offload_device: Any = None, force_refresh: bool = False) -> None:
        hashes = str(list(lora_patches))
        if hashes == self.loaded_hash and not force_refresh:
            return
        for name, array in self.backup.items():
            self.part.weights[name].array = array
        self.backup = {}
        for mark, patches in lora_patches.items():
            for name, (up, down) in patches.items():
                weight = self.part.weights[name]
                self.backup.setdefault(name, weight.array)
                weight.array = weight.array + delta(up, down, weight.shape) * mark[1]
        self.loaded_hash = hashes


class Patcher:
    offload_device = "cpu"

    def __init__(self, part: Part, loader: LoraLoader | None = None) -> None:
        self.model = part
        self.lora_patches: dict[tuple[Any, ...], Any] = {}
        self.lora_loader = loader or LoraLoader(part)

    def clone(self) -> Patcher:
        other = Patcher(self.model, self.lora_loader)
        other.lora_patches = dict(self.lora_patches)
        return other

    def add_patches(self, *, filename: str, patches: Any, strength_patch: float = 1.0, strength_model: float = 1.0,
                    online_mode: bool = False) -> set[str]:  # fmt: skip
        known = {name: patch for name, patch in patches.items() if name in self.model.weights}
        self.lora_patches[filename, strength_patch, strength_model, online_mode] = known
        return set(known)

    def load(self) -> None:
        self.lora_loader.refresh(self.lora_patches, self.offload_device)


class ForgeProcessing(Processing):
    distilled_cfg_scale: float = 3.5

    def __init__(self, distilled_cfg_scale: float = 3.5, **named: Any) -> None:
        super().__init__(**named)
        self.distilled_cfg_scale = distilled_cfg_scale


class Forge(Patched):
    NAME = "Forge"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Double.DEFAULTS, "forge_additional_modules": [], "forge_unet_storage_dtype": "Automatic",
    }  # fmt: skip
    PROCESSING = ForgeProcessing

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.data = SimpleNamespace(
            sd_model=FakeInitialModel(), forge_loading_parameters={}, forge_hash="", get_sd_model=None
        )
        self.module_list: dict[str, str] = {}
        self.resident: list[Any] = [object()]
        self.refreshes = 0

    def contents(self) -> dict[str, dict[str, Any]]:
        def unload_all_models() -> None:
            self.freed.append("models")
            self.resident.clear()

        return {
            **super().contents(),
            "modules_forge": {"__path__": []},
            "modules_forge.main_entry": {
                "module_list": self.module_list, "refresh_models": self.refresh_models,
                "refresh_model_loading_parameters": self.refresh_model_loading_parameters,
            },
            "backend": {"__path__": []},
            "backend.args": {"dynamic_args": self.dynamic_args()},
            "backend.memory_management": {
                "current_loaded_models": self.resident, "unload_all_models": unload_all_models,
                "soft_empty_cache": lambda force=False: self.freed.append("cache"),
            },
            "backend.patcher": {"__path__": []},
            "backend.patcher.lora": {**patched.KEY_MAPS, "load_lora": patched.load_lora},
        }  # fmt: skip

    def dynamic_args(self) -> Any:
        return {"online_lora": False}

    def sd_models(self) -> dict[str, Any]:
        empty = {f"send_model_to_{place}": lambda m: None for place in ("cpu", "device", "trash")}
        return {
            **super().sd_models(), **empty, "forge_model_reload": self.forge_model_reload, "checkpoints_loaded": {},
            "FakeInitialModel": FakeInitialModel, "reload_model_weights": lambda *a, **k: None,
        }  # fmt: skip

    def make_patcher(self, part: Part) -> Any:
        return Patcher(part)

    def refresh_models(self) -> None:
        self.module_list.clear()
        for folder in ("VAE", "text_encoder"):
            files = (self.models / folder).glob("*.safetensors")
            self.module_list.update({file.name: str(file) for file in files})

    def refresh_model_loading_parameters(self) -> None:
        self.refreshes += 1
        self.data.forge_loading_parameters = {
            "checkpoint_info": self.select_checkpoint(), "additional_modules": self.opts.forge_additional_modules,
            "unet_storage_dtype": None,
        }  # fmt: skip
        if "modules.processing" in self._found:
            self._found["modules.processing"].need_global_unload = True  # type: ignore[attr-defined]

    def loading_hash(self) -> str:
        parameters = dict(self.data.forge_loading_parameters)
        return str({**parameters, "checkpoint_info": parameters["checkpoint_info"].filename})

    def chosen_anew(self) -> None:
        self.refresh_model_loading_parameters()
        self.load_chosen()

    def load_chosen(self) -> None:
        if not self.data.forge_loading_parameters:
            self.refresh_model_loading_parameters()
        self.forge_model_reload()

    def forge_model_reload(self) -> tuple[Any, bool]:
        if self.data.forge_hash == str(self.data.forge_loading_parameters):
            return self.data.sd_model, False
        info = self.data.forge_loading_parameters["checkpoint_info"]
        self.data.sd_model = None
        if "broken" in info.name:
            self.after_a_failed_load()
            raise ValueError("Failed to recognize model type!")
        for file in self.data.forge_loading_parameters["additional_modules"]:
            assert Path(file).is_file()
        self.loads.append(info.name)
        self.data.sd_model = SdModel(info, self.make_patcher)
        kind = "v_prediction" if self.velocity else "epsilon"
        self.data.sd_model.forge_objects.unet.model.predictor = SimpleNamespace(prediction_type=kind)
        self.opts.data["sd_checkpoint_hash"] = info.sha256
        self.data.forge_hash = str(self.data.forge_loading_parameters)
        return self.data.sd_model, True

    def after_a_failed_load(self) -> None:
        pass

    def apply_overrides(self, overrides: Any) -> None:
        if overrides:
            self.opts.data.update(overrides)
            self.refresh_model_loading_parameters()
        self.forge_model_reload()

    def vae(self) -> str:
        return str(self.data.forge_loading_parameters["additional_modules"])

    def depends(self, p: Any) -> list[Any]:
        return [p.distilled_cfg_scale] if self.data.sd_model.use_distilled_cfg_scale else []

    def load_lora_for_models(self, unet: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float,
                             filename: str) -> tuple[Any, Any]:  # fmt: skip
        # With the shared dict, as the real one calls them.
        lora_unet, rest = patched.load_lora(lora, patched.model_lora_keys_unet(unet.model))
        lora_clip, rest = patched.load_lora(rest, patched.model_lora_keys_clip(clip.cond_stage_model))
        if len(rest) > SAID:
            return unet, clip
        unet, clip = unet.clone(), clip.clone()
        unet.add_patches(filename=filename, patches=lora_unet, strength_patch=strength_model)
        clip.add_patches(filename=filename, patches=lora_clip, strength_patch=strength_clip)
        return unet, clip
