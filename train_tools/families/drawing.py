"""What draws pictures with sd-scripts, in its interpreter: the interface of the families' `drawing.py`.

Each loads its text encoders, its transformer and its VAE apart from each other, as a GPU seldom has room for all. They
use sd-scripts' own functions, so that pictures are those that its trainer's samples would be. Only torch, sd-scripts
and what it brings may be imported here and there; of train_tools nothing else but `errors`.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import safe_open

# A text as the transformer is given it: what its encoders made of it, on the CPU; None for what it hasn't.
Text = tuple[torch.Tensor | None, ...]
PRECISIONS = {"fp16": torch.float16, "bf16": torch.bfloat16}
FP8 = torch.float8_e4m3fn


@dataclass(frozen=True)
class Settings:
    """`arguments` are those of the run that a picture may depend on, by sd-scripts' names."""

    arguments: Mapping[str, Any]
    device: torch.device

    @property
    def dtype(self) -> torch.dtype:
        """That of the frozen weights, as in training."""
        return PRECISIONS.get(str(self.arguments.get("mixed_precision")), torch.float32)

    @property
    def swapped(self) -> int:
        """How many blocks wait in the CPU's memory."""
        return int(self.arguments.get("blocks_to_swap") or 0) if self.device.type == "cuda" else 0

    @property
    def is_fp8(self) -> bool:
        """The transformer."""
        return bool(self.arguments.get("fp8_base") or self.arguments.get("fp8_base_unet"))

    @property
    def keeps_fp8_texts(self) -> bool:
        """Whether a large text encoder stays in fp8 where its file is."""
        return bool(self.arguments.get("fp8_base") and not self.arguments.get("fp8_base_unet"))

    @property
    def attention(self) -> str:
        """How a transformer that can do it in several ways looks around."""
        usual = "xformers" if self.arguments.get("xformers") else "torch"
        return str(self.arguments.get("attn_mode") or usual) if self.device.type == "cuda" else "torch"

    def path(self, name: str) -> str | None:
        return str(self.arguments[name]) if self.arguments.get(name) else None

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """As accelerate's."""
        is_mixed = self.dtype != torch.float32
        found: contextlib.AbstractContextManager[Any] = torch.autocast(
            self.device.type, self.dtype, enabled=is_mixed
        )
        return found


@dataclass(frozen=True)
class Picture:
    """Sizes in pixels. `guidance` is what a distilled model is told, `shift` moves a flow's noise levels.

    None: the model's own.
    """

    width: int
    height: int
    seed: int
    steps: int
    cfg_scale: float
    guidance: float | None = None
    shift: float | None = None

    @property
    def is_guided(self) -> bool:
        """By a negative prompt, which takes a second look at each step."""
        return self.cfg_scale != 1.0


class Drawing(ABC):
    """One base model. What it loads is ready to be used on the device, in eval mode; it keeps none of it."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None: ...

    @abstractmethod
    def text_encoders(self) -> list[Any]:
        """In the order in which the trainer gives them to a network."""

    @abstractmethod
    def encode(self, encoders: Sequence[Any], text: str) -> Text: ...

    def encode_negative(self, encoders: Sequence[Any], text: str) -> Text:
        return self.encode(encoders, text)

    @abstractmethod
    def transformer(self) -> Any: ...

    @abstractmethod
    def denoise(self, transformer: Any, picture: Picture, text: Text, negative: Text | None) -> torch.Tensor:
        """Latents; `negative` is there where the picture is guided."""

    @abstractmethod
    def vae(self) -> Any:
        """On the CPU."""

    @abstractmethod
    def decode(self, vae: Any, latents: torch.Tensor) -> torch.Tensor:
        """(3, height, width) from -1 to 1."""


def noise(shape: Sequence[int], seed: int, device: torch.device) -> torch.Tensor:
    """The same on every machine. float32: what sd-scripts sums up in bfloat16 loses half of its digits."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(tuple(shape), generator=generator).to(device)


def tensors_of(path: str, prefix: str, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
    """Those of a checkpoint whose names begin so."""
    with safe_open(path, "pt") as file:
        names = [name for name in list(file.keys()) if name.startswith(prefix)]
        return {name: file.get_tensor(name).to(dtype) if dtype else file.get_tensor(name) for name in names}


def moved(text: Text, device: torch.device) -> Text:
    return tuple(None if part is None else part.to(device) for part in text)


def shifted(levels: torch.Tensor, shift: float) -> torch.Tensor:
    """Noise levels from 1 to 0; a shift above 1 moves them up (https://arxiv.org/abs/2403.03206, 5.3.2)."""
    return shift * levels / (1 + (shift - 1) * levels)


def placed(transformer: Any, settings: Settings) -> Any:
    """Put on the device, but for the blocks that wait outside."""
    transformer.eval()
    transformer.requires_grad_(False)
    if settings.swapped:
        transformer.enable_block_swap(settings.swapped, settings.device)
        transformer.move_to_device_except_swap_blocks(settings.device)
        if hasattr(transformer, "switch_block_swap_for_inference"):
            transformer.switch_block_swap_for_inference()
        transformer.prepare_block_swap_before_forward()
        return transformer
    return transformer.to(settings.device)


@contextlib.contextmanager
def on_device(module: Any, device: torch.device) -> Iterator[Any]:
    """On it for this while, then back on the CPU."""
    module.to(device)
    try:
        yield module
    finally:
        module.to("cpu")


def decoded(vae: Any, latents: torch.Tensor, settings: Settings) -> torch.Tensor:
    """By a VAE that takes latents as they are."""
    with on_device(vae, settings.device), settings.autocast():
        pixels: torch.Tensor = vae.decode(latents.to(settings.device, vae.dtype))
    return pixels[0].float().cpu()
