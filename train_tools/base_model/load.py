"""Loads a Stable Diffusion 1 base model from one checkpoint file or a diffusers folder, offline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.families.folder import weights_of

from . import architecture, layout, tokenizer
from .files import read_checkpoint, vae_tensors, with_vae


@dataclass(frozen=True)
class BaseModel:
    """A frozen Stable Diffusion 1 model in evaluation mode."""

    name: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    def to(self, device: torch.device, dtype: torch.dtype) -> BaseModel:
        for module in (self.unet, self.vae, self.text_encoder):
            module.to(device=device, dtype=dtype)
        return self


def load(path: Path, vae: Path | None = None) -> BaseModel:
    """The model at `path`, in fp32 on the CPU, with the VAE of another file where `vae` is given.

    Raises UsageError where the file is missing, damaged or no Stable Diffusion 1 model.
    """
    if path.is_dir():
        return _load_folder(path, vae)
    weights = with_vae(read_checkpoint(path), vae)
    heads, text_heads = architecture.heads_beside(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    try:
        sizes = architecture.of_original(shapes, heads, text_heads)
    except KeyError as error:
        raise UsageError(
            f"the base model {path} lacks {error.args[0]}; get the whole checkpoint, or give its VAE as vae"
        ) from error
    unet, own_vae, text = empty_modules(sizes)
    for module, names in original_names(unet, own_vae, text):
        _fill(module, {ours: weights.get(theirs) for ours, theirs in names.items()}, path)
    return _frozen(path.stem, unet, own_vae, text, tokenizer.shared())


def empty_modules(
    sizes: architecture.Architecture,
) -> tuple[UNet2DConditionModel, AutoencoderKL, CLIPTextModel]:
    return (
        UNet2DConditionModel(**sizes.unet),
        AutoencoderKL(**sizes.vae),
        CLIPTextModel(CLIPTextConfig(**sizes.text)),
    )


def original_names(
    unet: nn.Module, vae: nn.Module, text: nn.Module
) -> list[tuple[nn.Module, dict[str, str]]]:
    """For each module, its tensors' names and the same tensors' names in an original checkpoint."""
    unet_names = list(unet.state_dict())
    attention = layout.up_blocks_with_attention(unet_names)
    return [
        (unet, {name: layout.unet_name(name, attention) for name in unet_names}),
        (vae, {name: layout.vae_name(name) for name in vae.state_dict()}),
        (
            text,
            {name: layout.text_name(name) for name in text.state_dict() if not name.endswith("position_ids")},
        ),
    ]


def _fill(module: nn.Module, tensors: Mapping[str, Tensor | None], path: Path) -> None:
    missing = [name for name, tensor in tensors.items() if tensor is None]
    if missing:
        raise UsageError(
            f"the base model {path} lacks {len(missing)} tensors ({missing[0]} …); download it again"
        )
    current = module.state_dict()
    # The VAE's attention is a 1x1 convolution in the original, a matrix here.
    state = {n: t.reshape(current[n].shape).float() for n, t in tensors.items() if t is not None}
    module.load_state_dict(state, strict=False)


def _load_folder(path: Path, vae: Path | None) -> BaseModel:
    """Whole, or not at all: what is missing would be filled with random numbers, and words with nothing."""
    if (fault := detect(path).fault) is not None:
        raise UsageError(f"the base model {path} is {fault.what}; {fault.instead}")
    unet = _part(UNet2DConditionModel, path / "unet")
    own_vae = _vae_of(path, vae)
    text = _part(CLIPTextModel, path / "text_encoder")
    words = tokenizer.shared()
    if (path / "tokenizer").is_dir():
        words = CLIPTokenizer.from_pretrained(str(path / "tokenizer"), local_files_only=True)
    if len(words) < text.config.vocab_size:
        raise UsageError(
            f"the tokenizer in {path} has {len(words)} words, and the text encoder knows {text.config.vocab_size}; "
            "download the folder again"
        )
    return _frozen(path.name, unet.float(), own_vae.float(), text.float(), words)


def _part(kind: Any, folder: Path) -> Any:
    """One model of a diffusers folder. Raises UsageError where a tensor is missing."""
    _, variant, _ = weights_of(folder)
    try:
        model, told = kind.from_pretrained(
            folder, local_files_only=True, variant=variant or None, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UsageError(f"{folder} can't be loaded ({error}); download the folder again") from error
    if missing := sorted(name for name in told["missing_keys"] if not name.endswith("position_ids")):
        raise UsageError(f"{folder} lacks {len(missing)} tensors ({missing[0]} …); download the folder again")
    return model


def _vae_of(path: Path, vae: Path | None) -> AutoencoderKL:
    if vae is None:
        return cast("AutoencoderKL", _part(AutoencoderKL, path / "vae"))
    weights = vae_tensors(vae)
    module = AutoencoderKL(**architecture.vae_sizes({n: tuple(t.shape) for n, t in weights.items()}))
    names = {name: layout.vae_name(name) for name in module.state_dict()}
    _fill(module, {ours: weights.get(theirs) for ours, theirs in names.items()}, vae)
    return module


def _frozen(name: str, unet: Any, vae: Any, text: Any, words: CLIPTokenizer) -> BaseModel:
    for module in (unet, vae, text):
        module.eval().requires_grad_(False)
    return BaseModel(name, unet, vae, text, words)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal; what the webui and Civitai call the model's hash."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
