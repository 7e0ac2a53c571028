"""Puts trained weights where they ship from.

python -m train_tools.small_models.export --work DIR [--captioner DIR]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.base_model.convert import write_checkpoint
from train_tools.families.sd1.model import StableDiffusion1
from train_tools.families.stable_diffusion import tokenizer

from . import architecture, base_model_file, captioner_folder, train_diffusion, train_vae

# What transformers needs to load the captioner; the rest of its folder can be made from these.
CAPTIONER_FILES = ("config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
                   "tokenizer.json", "tokenizer_config.json")  # fmt: skip


def export_base(work: Path) -> list[Path]:
    """The VAE and the averaged UNet and text encoder as one checkpoint."""
    vae = AutoencoderKL(**architecture.VAE)
    vae.load_state_dict(torch.load(work / train_vae.STATE, weights_only=True)["vae"])
    average = torch.load(work / train_diffusion.STATE, weights_only=True)["average"]
    unet = UNet2DConditionModel(**architecture.UNET)
    unet.load_state_dict(average["unet"])
    text = CLIPTextModel(CLIPTextConfig(**architecture.TEXT_ENCODER))
    text.load_state_dict(average["text"])
    name = base_model_file().stem
    return write_checkpoint(
        StableDiffusion1(name, unet, vae, (text,), (tokenizer.shared(),)), base_model_file()
    )


def export_captioner(work: Path) -> list[Path]:
    captioner_folder().mkdir(parents=True, exist_ok=True)
    for name in CAPTIONER_FILES:
        shutil.copyfile(work / name, captioner_folder() / name)
    return [captioner_folder()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="of train_vae and train_diffusion")
    parser.add_argument("--captioner", type=Path, help="the work folder of train_captioner")
    arguments = parser.parse_args()
    written = export_base(arguments.work)
    if arguments.captioner:
        written += export_captioner(arguments.captioner)
    for path in written:
        print(path)


if __name__ == "__main__":
    main()
