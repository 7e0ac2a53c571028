"""A stand-in for sd-scripts' `lora_flux` (48d368fa): a LoRA on each model's one layer."""

from __future__ import annotations

from typing import Any

import torch

PREFIXES = ("lora_te1", "lora_te3")


class Layer(torch.nn.Module):
    def __init__(self, name: str, of: Any, dim: int) -> None:
        super().__init__()
        self.lora_name = name
        self.lora_down = torch.nn.Linear(4, dim, bias=False)
        self.lora_up = torch.nn.Linear(dim, 4, bias=False)
        self.register_buffer("alpha", torch.tensor(float(dim)))
        self.multiplier = 1.0
        self.of = [of]

    def apply_to(self) -> None:
        self.before = self.of[0].forward
        self.of[0].forward = self.forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.before(x) + self.lora_up(self.lora_down(x)) * self.multiplier


class Network(torch.nn.Module):
    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = layers

    def apply_to(self, encoders: list[Any], unet: Any, texts: bool, pictures: bool) -> None:
        for layer in self.layers:
            layer.apply_to()
            self.add_module(layer.lora_name, layer)


def create_network_from_weights(
    multiplier: float,
    file: str | None,
    ae: Any,
    encoders: list[Any],
    unet: Any,
    weights: dict[str, Any],
    for_inference: bool,
) -> tuple[Network, dict[str, Any]]:
    print(f"create LoRA network from weights: {len(weights)}")
    dims = {name.split(".")[0]: value.shape[0] for name, value in weights.items() if "lora_down" in name}
    places = [*zip(PREFIXES, encoders, strict=False), ("lora_unet", unet)]
    layers = [
        Layer(f"{prefix}_{name}", module, dims[f"{prefix}_{name}"])
        for prefix, model in places
        for name, module in model.named_modules()
        if f"{prefix}_{name}" in dims
    ]
    return Network(layers), weights
