"""The kinds of base model that sd-scripts trains LoRAs for, each with its script and what it needs.

Read off sd-scripts 48d368fa (main, February 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from train_tools.errors import UsageError

# Groups of families that share arguments.
UNETS = ("sd", "sdxl")
FLUXES = ("flux", "chroma")
FLOWS = ("sd3", *FLUXES, "lumina", "hunyuan_image", "anima")

ANY_FAMILY_MODULES = ("lycoris.kohya",)  # LyCORIS finds the layers by itself


@dataclass(frozen=True)
class Family:
    """One kind of base model.

    `required` and `optional` are the arguments that name its files. `network_modules`: the first is the
    usual one. `bucket_step`: with buckets, sd-scripts refuses a bucket_reso_steps that isn't a multiple of
    it. `defaults` suit the family better than the table's. `also` are other names that people use.
    """

    name: str
    title: str
    script: str
    network_modules: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    bucket_step: int
    also: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)


UNET_MODULES = ("networks.lora", "networks.lora_fa", "networks.dylora", "networks.oft", *ANY_FAMILY_MODULES)
BASE = "pretrained_model_name_or_path"
# What all families of the flow-matching kind share: no SNR to weigh by, and buckets around a megapixel.
FLOW = {"resolution": "1024,1024", "max_bucket_reso": 2048, "min_snr_gamma": None, "network_train_unet_only": True,
        "cache_text_encoder_outputs": True}  # fmt: skip
FLUX = {"timestep_sampling": "shift", "discrete_flow_shift": 3.1582, "model_prediction_type": "raw",
        "guidance_scale": 1.0}  # fmt: skip

ALL: tuple[Family, ...] = (
    Family("sd", "Stable Diffusion 1 and 2", "train_network.py", UNET_MODULES, (BASE,),
           ("vae", "v2", "v_parameterization", "clip_skip"), 64, ("sd1", "sd1.5", "sd15", "sd2")),
    Family("sdxl", "Stable Diffusion XL", "sdxl_train_network.py", UNET_MODULES, (BASE,),
           ("vae", "no_half_vae"), 32, ("xl", "pony", "illustrious", "noobai"),
           {"resolution": "1024,1024", "max_bucket_reso": 2048, "no_half_vae": True}),
    Family("sd3", "Stable Diffusion 3 and 3.5", "sd3_train_network.py",
           ("networks.lora_sd3", *ANY_FAMILY_MODULES), (BASE,), ("clip_l", "clip_g", "t5xxl", "vae"), 32,
           ("sd3.5", "sd35"), {**FLOW, "network_module": "networks.lora_sd3"}),
    Family("flux", "FLUX.1", "flux_train_network.py",
           ("networks.lora_flux", "networks.oft_flux", *ANY_FAMILY_MODULES), (BASE, "clip_l", "t5xxl", "ae"),
           (), 64, ("flux.1", "flux1", "flux-dev", "flux-schnell"),
           {**FLOW, **FLUX, "network_module": "networks.lora_flux"}),
    Family("chroma", "Chroma", "flux_train_network.py", ("networks.lora_flux", *ANY_FAMILY_MODULES),
           (BASE, "t5xxl", "ae"), (), 64, ("chroma1",),
           {**FLOW, **FLUX, "network_module": "networks.lora_flux", "model_type": "chroma",
            "apply_t5_attn_mask": True, "guidance_scale": 0.0, "timestep_sampling": "sigmoid"}),
    Family("lumina", "Lumina Image 2.0", "lumina_train_network.py",
           ("networks.lora_lumina", *ANY_FAMILY_MODULES), (BASE, "gemma2", "ae"), (), 64,
           ("lumina2", "lumina-image-2.0"), {**FLOW, "network_module": "networks.lora_lumina"}),
    Family("hunyuan_image", "HunyuanImage-2.1", "hunyuan_image_train_network.py",
           ("networks.lora_hunyuan_image", *ANY_FAMILY_MODULES), (BASE, "text_encoder", "byt5", "vae"), (), 64,
           ("hunyuan", "hunyuanimage", "hunyuan-image", "hunyuanimage-2.1"),
           {**FLOW, "network_module": "networks.lora_hunyuan_image"}),
    Family("anima", "Anima", "anima_train_network.py", ("networks.lora_anima", *ANY_FAMILY_MODULES),
           (BASE, "qwen3", "vae"), ("llm_adapter_path", "t5_tokenizer_path"), 16, (),
           {**FLOW, "network_module": "networks.lora_anima"}),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in ALL})
NAMES: Mapping[str, str] = MappingProxyType({
    other.lower(): family.name for family in ALL for other in (family.name, family.title, *family.also)
})  # fmt: skip


def family_named(name: str) -> Family:
    """By its name or another that people use, in any case. Raises UsageError where there is none."""
    found = NAMES.get(name.strip().lower())
    if found is None:
        raise UsageError(f"there is no family {name!r} of base models; there are: {', '.join(FAMILIES)}")
    return FAMILIES[found]


def family_of_script(script: str) -> Family | None:
    """The family that a script of sd-scripts trains, by its file name; FLUX.1 for the one that Chroma shares."""
    return next((family for family in ALL if family.script == script), None)
