"""A LoRA file on models, put on by sd-scripts' own network module, and taken off again without a trace.

Runs in sd-scripts' interpreter. A network changes what models do by other `forward`s, so that taking it off is to give
them back; weights stay as they are.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from train_tools.errors import is_out_of_memory

OF_TEXTS = "lora_te"  # what the names of text encoders' layers begin with, in every network
LYCORIS = "lycoris."
MADE_FOR = "ss_base_model_version"  # in a file's metadata
FORWARD = "forward"
UNFIT = (RuntimeError, ValueError, KeyError, IndexError, TypeError, AssertionError, AttributeError)


class UnfitError(Exception):
    """The file can't be put on this base model; a sentence."""


class LoraFile:
    """`module` is the network module that wrote it, by its Python name."""

    def __init__(self, path: str, module: str) -> None:
        self.path = path
        self.name = Path(path).name
        self.module = module
        try:
            with safe_open(path, "pt") as file:
                self.keys = list(file.keys())
                self.made_for = str((file.metadata() or {}).get(MADE_FOR) or "")
        except Exception as error:
            raise UnfitError(f"{self.name} can't be read ({error})") from error
        if not self.keys:
            raise UnfitError(
                f"{self.name} holds no layers: its network found none to train in this base model"
            )

    @property
    def has_texts(self) -> bool:
        """Whether it changes text encoders."""
        return any(key.startswith(OF_TEXTS) for key in self.keys)

    def tensors(self, *, of_texts: bool) -> dict[str, torch.Tensor]:
        with safe_open(self.path, "pt") as file:
            return {key: file.get_tensor(key) for key in self.keys if key.startswith(OF_TEXTS) == of_texts}


class Network:
    """One file on text encoders, or on a transformer. Raises UnfitError where a layer of it has no place there."""

    def __init__(
        self, file: LoraFile, device: torch.device, *, encoders: Sequence[Any] = (), transformer: Any = None
    ) -> None:
        models = [*encoders] if transformer is None else [transformer]
        self._before = [(module, module.__dict__.get(FORWARD)) for module in _modules_of(models)]
        self._layers: list[Any] = []
        try:
            self._put_on(file, list(encoders), transformer)
            for layer in self._layers:
                layer.to(device).eval().requires_grad_(False)
        except BaseException:
            self.take_off()
            raise

    def weigh(self, multiplier: float) -> None:
        for layer in self._layers:
            layer.multiplier = multiplier

    def take_off(self) -> None:
        for module, forward in self._before:
            module.__dict__.pop(FORWARD, None)
            if forward is not None:
                module.__dict__[FORWARD] = forward
        self._layers = []

    def _put_on(self, file: LoraFile, encoders: list[Any], transformer: Any) -> None:
        of_texts = transformer is None
        tensors = file.tensors(of_texts=of_texts)
        # What the file's part doesn't change is there as a model without layers.
        unet = torch.nn.Module() if of_texts else transformer
        encoders = encoders or [torch.nn.Module()]
        try:
            network = _made(file, tensors, encoders, unet)
            if file.module.startswith(LYCORIS):  # which holds the weights by now
                self._layers = [*network.text_encoder_loras, *network.unet_loras]
                for layer in self._layers:
                    layer.org_module[0].forward = _forward_of(layer)
            else:
                network.apply_to(encoders, unet, of_texts, not of_texts)
                self._layers = [layer for layer in network.children() if hasattr(layer, "multiplier")]
            _check_places(file, tensors, {_name_of(layer) for layer in self._layers})
            if not file.module.startswith(LYCORIS):
                network.load_state_dict(tensors, strict=True)
        except UNFIT as error:
            if is_out_of_memory(error):
                raise
            raise UnfitError(f"{file.name} doesn't fit this base model: {_last_line(error)}") from error


def _made(file: LoraFile, tensors: dict[str, torch.Tensor], encoders: list[Any], unet: Any) -> Any:
    try:
        make: Callable[..., Any] = importlib.import_module(file.module).create_network_from_weights
    except (ImportError, AttributeError) as error:
        raise UnfitError(
            f"{file.name} was trained with {file.module}, which can't be asked to draw it ({error})"
        ) from error
    return make(1.0, None, None, encoders, unet, tensors, True)[0]


def _check_places(file: LoraFile, tensors: Iterable[str], places: set[str]) -> None:
    layers = dict.fromkeys(name.partition(".")[0] for name in tensors)
    homeless = [layer for layer in layers if layer not in places]
    if homeless:
        kind = (
            f"another kind of base model ({file.made_for})" if file.made_for else "another kind of base model"
        )
        raise UnfitError(
            f"{file.name} is a LoRA for {kind}: {len(homeless)} of its {len(layers)} layers have no place in this one, "
            f"{homeless[0]} among them"
        )


def _name_of(layer: Any) -> str:
    return str(getattr(layer, "lora_name", "") or getattr(layer, "oft_name", ""))


def _forward_of(layer: Any) -> Callable[..., Any]:
    """LyCORIS' own, but for algo=full, whose own takes the weights out of the model and can't be weighed after that."""
    if type(layer).__name__ != "FullModule":
        return layer.forward

    def forward(x: torch.Tensor) -> torch.Tensor:
        of = layer.org_module[0]
        weight = of.weight.to(layer.weight.dtype) + layer.weight * layer.multiplier
        bias = of.bias
        if bias is not None:
            bias = bias.to(layer.weight.dtype) + layer.bias * layer.multiplier
        return layer.op(x, weight=weight, bias=bias, **layer.kw_dict)

    return forward


def _modules_of(models: Iterable[Any]) -> Iterator[Any]:
    for model in models:
        yield from model.modules()


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
