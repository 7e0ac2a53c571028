"""What Forge and those that came of it have alike: objects of UNet, text encoder and VAE, and patchers over them.

Read off Forge dfdcbab6 (2025-06-26), reForge 3b56b268 (2026-03-11), Neo 2.26 (5692d2d, 2026-08-17):
- sd_model.forge_objects, forge_objects_original, forge_objects_after_applying_lora with unet, clip, vae;
  shallow_copy(); current_lora_hash, a text of files, weights and mode: load_networks does nothing where it is the same
- model_lora_keys_unet(model, key_map={}), model_lora_keys_clip(model, key_map={}): the default is one dict for all
- a LoRA that isn't found is left out unsaid
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hosts.doubles.common import Double
from hosts.doubles.nets import TEXT, UNET, Part, read, seed_of

CLIP = "clip_l.transformer."
PATCH = dict[str, tuple[Any, Any]]  # weight -> up, down


class Objects(SimpleNamespace):
    def shallow_copy(self) -> Objects:
        return copy.copy(self)


class FakeInitialModel:
    pass


class SdModel:
    use_distilled_cfg_scale = use_shift = False

    def __init__(self, info: Any, patcher: Callable[[Part], Any]) -> None:
        self.sd_checkpoint_info = info
        self.filename = info.filename
        self.current_lora_hash = "[]"
        seed = seed_of(Path(info.filename))
        unet, text = Part("diffusion_model.", UNET, seed), Part(CLIP, TEXT, seed)
        self.forge_objects = Objects(unet=patcher(unet), clip=Clip(text, patcher(text)), vae=object())
        self.forge_objects_original: Any = self.forge_objects.shallow_copy()
        self.forge_objects_after_applying_lora: Any = self.forge_objects.shallow_copy()
        self.is_sd1 = True

    @property
    def place(self) -> str:
        return "gpu"


class Clip:
    def __init__(self, cond_stage_model: Part, patcher: Any) -> None:
        self.cond_stage_model, self.patcher = cond_stage_model, patcher

    def clone(self) -> Clip:
        return Clip(self.cond_stage_model, self.patcher.clone())

    def add_patches(self, *arguments: Any, **named: Any) -> Any:
        return self.patcher.add_patches(*arguments, **named)


def model_lora_keys_unet(model: Part, key_map: dict[str, str] = {}) -> dict[str, str]:  # noqa: B006
    for name in model.state_dict():
        key_map[
            "lora_unet_" + name.removeprefix("diffusion_model.").removesuffix(".weight").replace(".", "_")
        ] = name
    return key_map


def model_lora_keys_clip(model: Part, key_map: dict[str, str] = {}) -> dict[str, str]:  # noqa: B006
    for name in model.state_dict():
        key_map["lora_te_" + name.removeprefix(CLIP).removesuffix(".weight").replace(".", "_")] = name
    return key_map


KEY_MAPS = {"model_lora_keys_unet": model_lora_keys_unet, "model_lora_keys_clip": model_lora_keys_clip}


def load_lora(lora: Mapping[str, Any], to_load: Mapping[str, str]) -> tuple[PATCH, dict[str, Any]]:
    """Patches by weight, and the tensors that nothing took."""
    patches, taken = {}, set()
    for name, weight in to_load.items():
        up, down = f"{name}.lora_up.weight", f"{name}.lora_down.weight"
        if up in lora:
            patches[weight] = (lora[up], lora[down])
            taken |= {up, down}
    return patches, {name: tensor for name, tensor in lora.items() if name not in taken}


class Patched(Double):
    """A host of Forge's kind."""

    def make_patcher(self, part: Part) -> Any:
        raise NotImplementedError

    def load_lora_for_models(self, unet: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float,
                             filename: str) -> tuple[Any, Any]:  # fmt: skip
        raise NotImplementedError

    def load_networks(self, names: list[str], te_multipliers: Any = None, unet_multipliers: Any = None,
                      dyn_dims: Any = None) -> None:  # fmt: skip
        networks: Any = self.networks
        model = self.data.sd_model
        networks.loaded_networks.clear()
        found = [(name, entry) for name, entry in zip(names, self.on_disk(names), strict=True) if entry]
        for name, entry in found:
            networks.loaded_networks.append(
                SimpleNamespace(
                    name=name, network_on_disk=entry, te_multiplier=1.0, unet_multiplier=1.0, modules={}
                )
            )
        targets = [
            [entry.filename, unet, text]
            for (_, entry), unet, text in zip(found, unet_multipliers, te_multipliers, strict=False)
        ]
        if model.current_lora_hash == str(targets):
            return
        model.current_lora_hash = str(targets)
        self.apply_targets(model, targets)

    def apply_targets(self, model: Any, targets: list[Any]) -> None:
        objects, original = model.forge_objects, model.forge_objects_original
        objects.unet, objects.clip = original.unet, original.clip
        for filename, unet, text in targets:
            objects.unet, objects.clip = self.load_lora_for_models(
                objects.unet, objects.clip, read(filename), unet, text, filename
            )
        model.forge_objects_after_applying_lora = objects.shallow_copy()

    def activate(self, p: Any) -> None:
        model = self.data.sd_model
        model.forge_objects = model.forge_objects_original.shallow_copy()
        super().activate(p)
        model.forge_objects = model.forge_objects_after_applying_lora.shallow_copy()

    def weights(self, p: Any) -> tuple[str, str]:
        objects = self.data.sd_model.forge_objects
        objects.clip.patcher.load()
        objects.unet.load()
        return objects.clip.cond_stage_model.digest(), objects.unet.model.digest()

    def vae(self) -> str:
        return ""
