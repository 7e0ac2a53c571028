"""Writes a base model in the other layout: one checkpoint file, or a diffusers folder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

from train_tools.errors import UsageError
from train_tools.workspace.files import write_bytes

from . import layout, tokenizer, webui_config
from .architecture import SCHEDULER, TEXT_FOLDER
from .load import BaseModel, load, original_names


def convert(source: Path, destination: Path) -> list[Path]:
    """A destination that ends in .safetensors becomes a checkpoint file, any other a diffusers folder; returns what
    was written.

    fp16. Beside a checkpoint stand its `.yaml` and the text encoder's configuration and words, which AUTOMATIC1111
    needs for a model of unusual sizes. The `.yaml` says where that folder lies: who moves them, converts again.
    Raises UsageError where something of that name exists already.
    """
    is_file = destination.suffix == ".safetensors"
    if source.is_dir() and not is_file:
        raise UsageError(f"a diffusers folder becomes one file: let {destination} end in .safetensors")
    for path in [destination, *(beside(destination) if is_file else ())]:
        if path.exists():
            raise UsageError(f"{path} exists already; choose another destination")
    model = load(source)
    if not is_file:
        return write_folder(model, destination)
    written = write_checkpoint(model, destination)
    _tell_webui(model, destination)
    return written


def beside(checkpoint: Path) -> tuple[Path, Path]:
    """The `.yaml` of a checkpoint file and the folder of its text encoder."""
    return checkpoint.with_suffix(".yaml"), checkpoint.with_name(f"{checkpoint.stem}{TEXT_FOLDER}")


def write_folder(model: BaseModel, folder: Path) -> list[Path]:
    """Writes diffusers' layout: `unet/`, `vae/`, `text_encoder/`, `tokenizer/`, `scheduler/`."""
    for part, module in (("unet", model.unet), ("vae", model.vae), ("text_encoder", model.text_encoder)):
        module.half().save_pretrained(folder / part)
    _restore_text_prefix(folder / "text_encoder" / "model.safetensors")
    tokenizer.write_files(folder / "tokenizer")
    parts = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    (folder / "scheduler").mkdir(exist_ok=True)
    scheduler = {"_class_name": "DDIMScheduler", **SCHEDULER}
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(scheduler, indent=2), encoding="utf-8"
    )
    (folder / "model_index.json").write_text(json.dumps(parts, indent=2), encoding="utf-8")
    return [folder]


def _restore_text_prefix(path: Path) -> None:
    """Gives the saved text encoder the `text_model.` prefix that every other reader expects."""
    state = load_file(path)
    if not any(name.startswith("text_model.") for name in state):
        _save({f"text_model.{name}": tensor.clone() for name, tensor in state.items()}, path)


def write_checkpoint(model: BaseModel, path: Path) -> list[Path]:
    """Writes the original layout in fp16, with `<name>.yaml` and the folder `<name>-text` beside it."""
    state: dict[str, Tensor] = {}
    for module, names in original_names(model.unet, model.vae, model.text_encoder):
        tensors = module.state_dict()
        for ours, theirs in names.items():
            tensor = tensors[ours].to(torch.float16).contiguous()
            if layout.is_vae_attention_matrix(theirs):
                tensor = tensor[..., None, None]
            state[theirs] = tensor.clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(state, path)
    configuration, text_folder = beside(path)
    model.text_encoder.config.save_pretrained(text_folder)
    configuration.write_text(webui_config.text(model, text_folder.name), encoding="utf-8")
    return [path, configuration, text_folder]


def _tell_webui(model: BaseModel, path: Path) -> None:
    """AUTOMATIC1111 takes a relative folder for one in its own working directory, or a name on the hub, and reads the
    words there, too.
    """
    configuration, text_folder = beside(path)
    tokenizer.write_files(text_folder)
    text = webui_config.text(model, str(text_folder.absolute()))
    write_bytes(configuration, text.encode())


def _save(state: dict[str, Tensor], path: Path) -> None:
    write_bytes(path, serialise(state, metadata={"format": "pt"}))
