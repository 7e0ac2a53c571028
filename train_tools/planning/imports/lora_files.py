"""What a LoRA file is, by its metadata and the names of its tensors: whose, of which family, which parts it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from train_tools.families.lora_files import family_of, said_of

SAYS_NOTHING = "this file's metadata says nothing of its training"
# Of base models that can't be trained here; asked before our families, whose names some of them contain.
FOREIGN = (
    ("FLUX.2", re.compile(r"flux[-_. ]?2")), ("FLUX.1 Kontext", re.compile(r"kontext")),
    ("FLUX.1 Fill", re.compile(r"flux[-_.]?1?[-_.]?fill")),
    ("HunyuanVideo", re.compile(r"hunyuan[-_. ]?video|\bhv\b")), ("FramePack", re.compile(r"frame[-_. ]?pack")),
    ("Wan", re.compile(r"\bwan(?:[-_. ]?\d|\b|[-_.])")), ("Qwen-Image", re.compile(r"qwen[-_. ]?image")),
    ("Z-Image", re.compile(r"z[-_. ]?image")), ("Kandinsky", re.compile(r"kandinsky")),
    ("HiDream", re.compile(r"hidream")), ("Ideogram", re.compile(r"ideogram")), ("Krea 2", re.compile(r"krea[-_. ]?2")),
    ("LTX-Video", re.compile(r"\bltx")), ("Cosmos", re.compile(r"cosmos")), ("OmniGen", re.compile(r"omnigen")),
    ("Flex", re.compile(r"\bflex[-_.]?[12]")), ("PixArt", re.compile(r"pixart")), ("Sana", re.compile(r"\bsana\b")),
    ("AuraFlow", re.compile(r"aura[-_. ]?flow")), ("Stable Cascade", re.compile(r"cascade|wuerstchen")),
    ("Kolors", re.compile(r"kolors")), ("HunyuanDiT", re.compile(r"hunyuan[-_. ]?dit|hydit")),
    ("Ernie-Image", re.compile(r"ernie")),
)  # fmt: skip
MUSUBI_MODULES = {
    "networks.lora": "", "networks.lora_wan": "Wan", "networks.lora_framepack": "FramePack",
    "networks.lora_flux_kontext": "FLUX.1 Kontext", "networks.lora_flux_2": "FLUX.2",
    "networks.lora_qwen_image": "Qwen-Image", "networks.lora_zimage": "Z-Image", "networks.lora_kandinsky": "Kandinsky",
    "networks.lora_hv_1_5": "HunyuanVideo 1.5", "networks.lora_hidream_o1": "HiDream-O1",
    "networks.lora_ideogram4": "Ideogram 4", "networks.lora_krea2": "Krea 2",
}  # fmt: skip
# Names of tensors that only one kind of base model has, in kohya's spelling and in diffusers'.
BY_TENSORS = (
    (
        "Wan",
        re.compile(
            r"blocks[._]\d+[._](?:self_attn|cross_attn)[._][qkvo]\b|blocks[._]\d+[._]cross_attn[._]k_img"
        ),
    ),
    ("FLUX.2", re.compile(r"double_stream_modulation|single_stream_modulation")),
    (
        "Qwen-Image",
        re.compile(r"transformer_blocks[._]\d+[._](?:img_mod|txt_mod|attn[._]add_q_proj.*img_mlp)"),
    ),
    ("Z-Image", re.compile(r"(?:noise_refiner|context_refiner)[._]\d+[._]attention[._]to_q")),
    ("HunyuanVideo", re.compile(r"txt_in[._]individual_token_refiner")),
)
UNET = re.compile(
    r"^(?:lora_unet_|lycoris_unet|unet\.|transformer\.|diffusion_model\.|base_model\.|lora_transformer|oft_unet_)"
)
TEXT = re.compile(r"^(?:lora_te\d?_|lora_te_|lycoris_te|text_encoder|text_model\.|oft_te)")
LORA = re.compile(
    r"lora_(?:down|up|A|B)\b|\.lora\.|hada_w|lokr_w|oft_blocks|oft_diag|\.diff\b|dora_scale|on_input|\.alpha$"
)
BASE = re.compile(r"^(?:model\.diffusion_model|cond_stage_model|first_stage_model|conditioner\.embedders)\.")


def whose(metadata: Mapping[str, str], tensors: Collection[str]) -> str:
    """A sentence about a file without sd-scripts' own keys."""
    if any(key.startswith("ot_") for key in metadata):
        return (
            f"{SAYS_NOTHING}: OneTrainer made it, and keeps its settings in the file only where it is told to; import "
            "its configuration"
        )
    if "ai-toolkit" in metadata.get("software", "") or "training_info" in metadata:
        return (
            f"{SAYS_NOTHING}: ai-toolkit made it, which keeps no settings in the file; import the job's YAML"
        )
    names = list(tensors)
    if any(BASE.match(name) for name in names):
        return f"{SAYS_NOTHING}: it is a base model, not a LoRA"
    if any(re.search(r"\.lora_[AB]\.|\.lora\.(?:up|down)\.", name) for name in names):
        rank = f"; its rank is {found}" if (found := _rank(metadata)) else ""
        return f"{SAYS_NOTHING}: diffusers or PEFT made it, which keep no settings in the file{rank}"
    if any(LORA.search(name) for name in names):
        return f"{SAYS_NOTHING}: it is a LoRA whose metadata was taken out"
    if names:
        return f"{SAYS_NOTHING}: it is no LoRA"
    return f"{SAYS_NOTHING}; only LoRAs with ss_* keys do"


def _rank(metadata: Mapping[str, str]) -> str:
    try:
        adapter = json.loads(metadata.get("lora_adapter_metadata", "null"))
    except ValueError:
        return ""
    found = (
        [value for key, value in adapter.items() if key.rpartition(".")[2] == "r"]
        if isinstance(adapter, dict)
        else []
    )
    return str(found[0]) if found else ""


def foreign_model(metadata: Mapping[str, str], tensors: Collection[str]) -> str:
    """The base model's name where it can't be trained here; empty where it can, or where nothing says it."""
    module = metadata.get("ss_network_module", "")
    if name := foreign_name(said_of(metadata)):
        return name
    if MUSUBI_MODULES.get(module):
        return MUSUBI_MODULES[module]
    if not family(metadata):
        for name, mark in BY_TENSORS:
            if any(mark.search(tensor) for tensor in tensors):
                return name
        version = metadata.get("ss_base_model_version", "")
        return version if version not in ("", "None") else ""
    return ""


def foreign_name(said: str) -> str:
    """Of a base model that can't be trained here, by what it is called."""
    return next((name for name, mark in FOREIGN if mark.search(said.lower())), "")


def family(metadata: Mapping[str, str], tensors: Collection[str] = ()) -> str:
    """By what the file says, else by its tensors; empty where neither says it."""
    found = family_of(metadata, tensors)
    return found.name if found else ""


def parts(tensors: Collection[str]) -> tuple[bool, bool]:
    """(whether it changes the UNet or transformer, whether it changes a text encoder)."""
    return any(UNET.match(name) for name in tensors), any(TEXT.match(name) for name in tensors)
