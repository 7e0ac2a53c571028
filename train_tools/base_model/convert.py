"""Writes a base model in the other layout: one checkpoint file, or a diffusers folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train_tools.base_model import webui_config
from train_tools.base_model.writing import write_tensors
from train_tools.errors import UsageError
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import names, tokenizer
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.building import named
from train_tools.families.stable_diffusion.checkpoint import origins_of
from train_tools.families.stable_diffusion.encoders import INNER
from train_tools.families.stable_diffusion.latents import SCHEDULER
from train_tools.families.stable_diffusion.sizes import TEXT_FOLDER
from train_tools.workspace.files import write_bytes

VELOCITY, ZERO_SNR = "v_pred", "ztsnr"  # empty tensors by which NoobAI's files tell it, and webuis know it


def convert(source: Path, destination: Path) -> list[Path]:
    """A destination that ends in .safetensors becomes a checkpoint file, any other a diffusers folder; returns what
    was written.

    fp16. Beside a checkpoint of Stable Diffusion 1 stand its `.yaml` and the text encoder's configuration and words,
    which AUTOMATIC1111 needs for a model of unusual sizes. The `.yaml` says where that folder lies: who moves them,
    converts again. Raises UsageError where something of that name exists already.
    """
    is_file = destination.suffix == ".safetensors"
    if source.is_dir() and not is_file:
        raise UsageError(f"a diffusers folder becomes one file: let {destination} end in .safetensors")
    refuse_existing(destination)
    model = load(source, dtype=torch.float16)
    if not is_file:
        return write_folder(model, destination)
    written = write_checkpoint(model, destination)
    if model.webui_text:
        _tell_webui(model, destination)
    return written


def refuse_existing(destination: Path) -> None:
    """Raises UsageError where something is there of what would be written."""
    for path in [destination, *(beside(destination) if destination.suffix == ".safetensors" else ())]:
        if path.exists():
            raise UsageError(f"{path} exists already; choose another destination")


def beside(checkpoint: Path) -> tuple[Path, Path]:
    """The `.yaml` of a checkpoint file and the folder of its text encoder."""
    return checkpoint.with_suffix(".yaml"), checkpoint.with_name(f"{checkpoint.stem}{TEXT_FOLDER}")


def write_folder(model: BaseModel, folder: Path) -> list[Path]:
    """Writes diffusers' layout: `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/` …"""
    parts: dict[str, Any] = {"_class_name": model.pipeline}
    for part, module in (("unet", model.unet), ("vae", model.vae)):
        module.half().save_pretrained(folder / part)
        parts[part] = ["diffusers", type(module).__name__]
    for encoder, module in zip(model.encoders, model.text_encoders, strict=True):
        module.half().save_pretrained(folder / encoder.part)
        _restore_prefix(module, folder / encoder.part)
        tokenizer.write_files(folder / encoder.tokenizer, encoder.filled_by)
        parts[encoder.part] = ["transformers", type(module).__name__]
        parts[encoder.tokenizer] = ["transformers", "CLIPTokenizer"]
    parts |= {"scheduler": ["diffusers", "DDIMScheduler"], **model.index}
    (folder / "scheduler").mkdir(exist_ok=True)
    scheduler = {"_class_name": "DDIMScheduler", **SCHEDULER, **model.noise}
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(scheduler, indent=2), encoding="utf-8"
    )
    (folder / "model_index.json").write_text(json.dumps(parts, indent=2), encoding="utf-8")
    return [folder]


def _restore_prefix(module: Any, folder: Path) -> None:
    """Gives the saved text encoder the `text_model.` prefix that every other reader expects."""
    state = module.state_dict()
    if not any(name.startswith(INNER) for name in state):
        write_tensors(folder / "model.safetensors", {INNER + name: [state[name]] for name in named(module)})


def write_checkpoint(model: BaseModel, path: Path) -> list[Path]:
    """Writes the original layout in fp16; of Stable Diffusion 1 with `<name>.yaml` and the folder `<name>-text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, original_tensors(model))
    if not model.webui_text:
        return [path]
    configuration, text_folder = beside(path)
    model.text_encoders[0].config.save_pretrained(text_folder)
    configuration.write_text(webui_config.text(model, text_folder.name), encoding="utf-8")
    return [path, configuration, text_folder]


def original_tensors(model: BaseModel) -> dict[str, list[Tensor]]:
    """The tensors of a checkpoint, each as the pieces that it is made of."""
    modules = (model.unet, model.vae, *model.text_encoders)
    pieces: dict[str, dict[int, Tensor]] = {}
    for module, origins in zip(modules, origins_of(type(model), modules), strict=True):
        state = module.state_dict()
        for ours, (place, *_) in origins.items():
            tensor = state[ours].T if place.is_transposed else state[ours]
            if names.is_vae_attention_matrix(place.name):
                tensor = tensor[..., None, None]
            pieces.setdefault(place.name, {})[place.third or 0] = tensor
    result = {name: [parts[number] for number in sorted(parts)] for name, parts in pieces.items()}
    for encoder, module in zip(model.encoders, model.text_encoders, strict=True):
        result |= encoder.unused(result, module.config.num_hidden_layers)
    told = {VELOCITY: model.prediction == "v", ZERO_SNR: model.zero_snr}
    return result | {name: [torch.zeros(0)] for name, is_so in told.items() if is_so}


def _tell_webui(model: BaseModel, path: Path) -> None:
    """AUTOMATIC1111 takes a relative folder for one in its own working directory, or a name on the hub, and reads the
    words there, too.
    """
    configuration, text_folder = beside(path)
    tokenizer.write_files(text_folder)
    text = webui_config.text(model, str(text_folder.absolute()))
    write_bytes(configuration, text.encode())
