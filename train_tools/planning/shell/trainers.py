"""Scripts that start a training, by their file names: those of sd-scripts that train LoRAs, and others' with whose
arguments nothing can be done here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from train_tools.families.registry import FAMILIES

LORA_SCRIPTS = frozenset(family.training.script for family in FAMILIES)

WHOLE = "sd-scripts' {0} doesn't train a LoRA but {1}; of its settings only a LoRA trainer's are read here"
MUSUBI = "{0} is of musubi-tuner, which trains LoRAs for {1}; neither sd-scripts nor Train Tools trains these"
DIFFUSERS = (
    "{0} is an example of diffusers, whose arguments are others than sd-scripts'; set base model, learning_rate, "
    "network_dim (its --rank) and max_train_epochs by hand"
)
FILE = "{0} is of {1}, whose settings stand in the file that it is given; import that file instead"

# Script -> (sentence, what it trains).
OTHERS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((
        "fine_tune.py", "train_db.py", "sdxl_train.py", "flux_train.py", "sd3_train.py", "lumina_train.py",
        "anima_train.py", "hunyuan_image_train.py",
    ), (WHOLE, "a whole model")),
    **dict.fromkeys((
        "train_textual_inversion.py", "sdxl_train_textual_inversion.py", "train_textual_inversion_XTI.py",
    ), (WHOLE, "an embedding")),
    **dict.fromkeys((
        "train_controlnet.py", "train_control_net.py", "sdxl_train_control_net.py", "flux_train_control_net.py",
        "sdxl_train_control_net_lllite.py", "sdxl_train_control_net_lllite_old.py", "anima_train_lllite.py",
    ), (WHOLE, "a ControlNet")),
    **dict.fromkeys(("train_leco.py", "sdxl_train_leco.py"), (WHOLE, "a concept slider")),
    "hv_train_network.py": (MUSUBI, "HunyuanVideo"), "hv_train.py": (MUSUBI, "HunyuanVideo"),
    "hv_1_5_train_network.py": (MUSUBI, "HunyuanVideo 1.5"), "wan_train_network.py": (MUSUBI, "Wan"),
    "fpack_train_network.py": (MUSUBI, "FramePack"),
    "flux_kontext_train_network.py": (MUSUBI, "FLUX.1 Kontext"),
    "flux_2_train_network.py": (MUSUBI, "FLUX.2"), "flux_2_train_network_self_flow.py": (MUSUBI, "FLUX.2"),
    "qwen_image_train_network.py": (MUSUBI, "Qwen-Image"), "qwen_image_train.py": (MUSUBI, "Qwen-Image"),
    "zimage_train_network.py": (MUSUBI, "Z-Image"), "zimage_train.py": (MUSUBI, "Z-Image"),
    "kandinsky5_train_network.py": (MUSUBI, "Kandinsky 5"), "hidream_o1_train_network.py": (MUSUBI, "HiDream-O1"),
    "ideogram4_train_network.py": (MUSUBI, "Ideogram 4"), "krea2_train_network.py": (MUSUBI, "Krea 2"),
}  # fmt: skip
DIFFUSERS_SCRIPT = re.compile(
    r"train_(?:text_to_image|dreambooth|unconditional|instruct_pix2pix|controlnet|custom_diffusion|lcm|kandinsky|cm_ct)"
    r"\w*\.py|textual_inversion\w*\.py"
)
OTHER_TRAINER = re.compile(r"\w*train_network\w*\.py")


def is_trainer(name: str) -> bool:
    """Whether a script starts a training, as far as its name says; `train.py` and `run.py` don't say it alone."""
    return (
        name in LORA_SCRIPTS
        or name in OTHERS
        or bool(OTHER_TRAINER.fullmatch(name) or DIFFUSERS_SCRIPT.fullmatch(name))
    )


def why_not(name: str) -> str:
    """The sentence about a script that isn't a LoRA trainer of sd-scripts."""
    if name in OTHERS:
        sentence, what = OTHERS[name]
        return sentence.format(name, what)
    if DIFFUSERS_SCRIPT.fullmatch(name):
        return DIFFUSERS.format(name)
    return f"{name} is no LoRA trainer of sd-scripts that is known here; there are {', '.join(sorted(LORA_SCRIPTS))}"


def file_trainer(text: str) -> str:
    """Why a text that starts another program's `train.py` or `run.py` with a file has nothing to read; else empty."""
    if re.search(
        r"\bscripts[/\\](?:train|train_remote)\.py\b.*--config-path|onetrainer", text, re.IGNORECASE
    ):
        return FILE.format("train.py", "OneTrainer")
    if re.search(r"\bdeepspeed\b.*\btrain\.py\b|\btrain\.py\b.*--deepspeed", text, re.DOTALL):
        return FILE.format("train.py", "diffusion-pipe")
    if re.search(r"\brun\.py\b\s+[^\s]*(?:\.ya?ml|\.json)|ai-toolkit", text):
        return FILE.format("run.py", "ai-toolkit")
    if re.search(r"\bsimpletuner\b", text, re.IGNORECASE):
        return FILE.format("train.py", "SimpleTuner")
    return ""
