"""Loads a Stable Diffusion 1 base model from one checkpoint file or a diffusers folder, offline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train_tools.errors import UsageError

from . import architecture, layout, tokenizer


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


def load(path: Path) -> BaseModel:
    """The model at `path`, in fp32 on the CPU.

    Raises UsageError where the file is missing, damaged or no Stable Diffusion 1 model.
    """
    if path.is_dir():
        return _load_folder(path)
    weights = read_checkpoint(path)
    heads, text_heads = architecture.heads_beside(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    sizes = architecture.of_original(shapes, heads, text_heads)
    unet, vae, text = empty_modules(sizes)
    for module, names in original_names(unet, vae, text):
        _fill(module, {ours: weights.get(theirs) for ours, theirs in names.items()}, path)
    return _frozen(path.stem, unet, vae, text, tokenizer.shared())


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` or `.ckpt` file; pickled code in the latter is refused."""
    if not path.is_file():
        raise UsageError(f"the base model {path} is missing; choose a checkpoint file or a diffusers folder")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, ValueError, EOFError) as error:
        raise UsageError(f"the base model {path} can't be read ({error}); download it again") from error
    state: dict[str, Tensor] = content.get("state_dict", content)
    return state


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


def _load_folder(path: Path) -> BaseModel:
    try:
        unet = UNet2DConditionModel.from_pretrained(path, subfolder="unet", local_files_only=True)
        vae = AutoencoderKL.from_pretrained(path, subfolder="vae", local_files_only=True)
        text = CLIPTextModel.from_pretrained(path / "text_encoder", local_files_only=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no complete diffusers folder ({error})") from error
    words = (
        CLIPTokenizer.from_pretrained(str(path / "tokenizer"))
        if (path / "tokenizer").is_dir()
        else tokenizer.shared()
    )
    return _frozen(path.name, unet.float(), vae.float(), text.float(), words)


def with_vae(base: BaseModel, path: Path) -> BaseModel:
    """The same model with another VAE of its build, a file or a diffusers folder; in fp32 on the CPU.

    Raises UsageError where it is missing, damaged or of another build.
    """
    if not path.exists():
        raise UsageError(f"the VAE {path} is missing; choose another one")
    try:
        if path.is_dir():
            vae = AutoencoderKL.from_pretrained(path, local_files_only=True)
        else:
            vae = AutoencoderKL(**base.vae.config)
            vae.load_state_dict(_vae_tensors(vae, read_checkpoint(path)))
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"the VAE {path} is none for this base model; choose another one") from error
    return replace(base, vae=vae.float().eval().requires_grad_(False))


def _vae_tensors(vae: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of a file of its own, where names have no prefix, with original or with diffusers' names."""
    if layout.DIFFUSERS_VAE in weights:
        return {name: tensor.float() for name, tensor in weights.items()}
    current = vae.state_dict()
    theirs = {name: layout.vae_name(name).removeprefix(layout.VAE_PREFIX) for name in current}
    missing = [name for name in theirs.values() if name not in weights]
    if missing:
        raise ValueError(missing[0])
    return {ours: weights[name].float().reshape(current[ours].shape) for ours, name in theirs.items()}


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
