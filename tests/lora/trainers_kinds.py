"""What the trainers' own network modules save and compute, as data for the tests: run in sd-scripts' environment.

    <sd-scripts' python> tests/lora/trainers_kinds.py <sd-scripts' folder> trainers_kinds.safetensors

`trainers_kinds.safetensors` was made so by sd-scripts 48d368fa with lycoris-lora 3.2.0.post2. Of each case it has the
tensors that the module saves (`<case>/saved/<name>`), what it makes of the input at full strength (`<case>/full`), and
the gradients of its parameters where it is trained (`<case>/grad/<name>`, of the output times `probe`; `<case>/scalar`
is one of them that files have multiplied in). Its output at half strength (`<case>/half`) is there where the trainer's
half is ours: it isn't with DoRA and factors of outputs, which LyCORIS doesn't multiply. `layer/…` and `input/…` are the
frozen layers and what goes in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

RANK, ALPHA = 4, 2.0
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(12, 16),
    "point": lambda: nn.Conv2d(8, 16, 1),
    "kernel": lambda: nn.Conv2d(8, 16, 3, padding=1),
    "layer_norm": lambda: nn.LayerNorm(12),
    "group_norm": lambda: nn.GroupNorm(2, 8),
}
LAYERS_OF_ALL = ("linear", "point", "kernel")
Case = tuple[
    str, str, Callable[[nn.Module], nn.Module], bool
]  # name, layer, its module, whether the half is ours


def of_lycoris() -> Iterator[Case]:
    from lycoris.modules import boft, diag_oft, full, glora, ia3, locon, loha, lokr, norms

    def module(kind: Any, **options: object) -> Callable[[nn.Module], nn.Module]:
        return lambda layer: kind("x", layer, 1.0, RANK, ALPHA, **options)

    def low_lokr(
        name: str, layer: nn.Module, multiplier: float, _rank: int, alpha: float, **options: Any
    ) -> nn.Module:
        return lokr.LokrModule(
            name, layer, multiplier, 1, alpha, **options
        )  # more is whole on layers so small

    for layer in LAYERS_OF_ALL:
        for name, kind in (("locon", locon.LoConModule), ("loha", loha.LohaModule), ("lokr", low_lokr)):
            yield name, layer, module(kind), True
            yield f"{name} scaled by the root", layer, module(kind, rs_lora=True), True
            yield f"{name} dora", layer, module(kind, weight_decompose=True), False
            yield f"{name} dora in", layer, module(kind, weight_decompose=True, wd_on_out=False), False
            if layer == "kernel":
                yield f"{name} tucker", layer, module(kind, use_tucker=True), True
            yield f"{name} scalar", layer, module(kind, use_scalar=True), True
        yield "lokr whole", layer, module(lokr.LokrModule, full_matrix=True), True
        yield "lokr by factor", layer, module(low_lokr, factor=2), True
        yield "lokr in four", layer, module(low_lokr, factor=4, decompose_both=True), True
        yield "ia3", layer, module(ia3.IA3Module), True
        yield "ia3 in", layer, module(ia3.IA3Module, train_on_input=True), True
        yield "full", layer, module(full.FullModule), False  # it can't be changed once it is on
        yield "glora", layer, module(glora.GLoRAModule), True
        yield "oft", layer, module(diag_oft.DiagOFTModule), True
        yield "oft bound", layer, module(diag_oft.DiagOFTModule, constraint=0.02), True
        yield "oft factors", layer, module(diag_oft.DiagOFTModule, rescaled=True), False
        yield "boft", layer, module(boft.ButterflyOFTModule, bypass_mode=True), True
        yield "boft factors", layer, module(boft.ButterflyOFTModule, bypass_mode=True, rescaled=True), False
    for layer in ("layer_norm", "group_norm"):
        yield "norm", layer, lambda of: norms.NormModule("x", of, 1.0), True


def of_sd_scripts() -> Iterator[Case]:
    from networks import dylora, lora, lora_fa, oft

    for layer in LAYERS_OF_ALL:
        yield "networks.lora", layer, lambda of: lora.LoRAModule("x", of, 1.0, RANK, ALPHA), True
        yield "networks.lora_fa", layer, lambda of: lora_fa.LoRAModule("x", of, 1.0, RANK, ALPHA), True
        yield "networks.oft", layer, lambda of: oft.OFTModule("x", of, 1.0, RANK, 1e-2), True
        # In one unit, so that all ranks count; it has no multiplier.
        yield (
            "networks.dylora",
            layer,
            lambda of: dylora.DyLoRAModule("x", of, 1.0, RANK, ALPHA, unit=RANK),
            False,
        )


def computed(case: Case, layer: nn.Module, given: Tensor) -> dict[str, Tensor]:
    _, _, make, is_half_ours = case
    network = nn.Module()  # as which it is saved
    network.x = module = make(layer)
    with torch.no_grad():
        for path, parameter in module.named_parameters():
            if "org_module" not in path:
                parameter.copy_(torch.randn(parameter.shape) * 0.3 + parameter)
        module.eval()
        module.apply_to()
        found = {f"saved/{key.removeprefix('x.')}": value for key, value in network.state_dict().items()}
        found["full"] = layer(given)
    found |= gradients(module, layer, given)
    if isinstance(getattr(module, "scalar", None), nn.Parameter):
        found["scalar"] = module.scalar
    with torch.no_grad():
        if is_half_ours:
            module.multiplier = 0.5
            found["half"] = layer(given)
    return {key: value.detach().clone().contiguous() for key, value in found.items()}


def probe(of: Tensor) -> Tensor:
    return torch.sin(torch.arange(of.numel(), dtype=of.dtype)).view_as(of)


def gradients(module: nn.Module, layer: nn.Module, given: Tensor) -> dict[str, Tensor]:
    """Those that a training step would take; of DyLoRA they are of a rank that is drawn, and so are none here."""
    if type(module).__name__ == "DyLoRAModule":
        return {}
    module.train()
    module.zero_grad()
    output = layer(given)
    (output * probe(output)).sum().backward()
    module.eval()
    return {
        f"grad/{n}": p.grad
        for n, p in module.named_parameters()
        if p.grad is not None and "org_module" not in n
    }


def main(folder: str, out: str) -> None:
    sys.path.insert(0, folder)
    torch.manual_seed(0)
    layers = {name: make() for name, make in LAYERS.items()}
    shapes = {"linear": (3, 12), "layer_norm": (3, 12)}
    inputs = {name: torch.randn(shapes.get(name, (1, 8, 3, 3))) for name in layers}
    found: dict[str, Tensor] = {}
    for name, layer in layers.items():
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.randn(parameter.shape) * 0.3)
        found |= {f"layer/{name}/{key}": value.detach().clone() for key, value in layer.state_dict().items()}
        found[f"input/{name}"] = inputs[name]
    states = {name: {k: v.clone() for k, v in layer.state_dict().items()} for name, layer in layers.items()}
    for case in (*of_lycoris(), *of_sd_scripts()):
        layer = LAYERS[case[1]]()
        layer.load_state_dict(states[case[1]])
        for key, value in computed(case, layer, inputs[case[1]]).items():
            found[f"{case[1]}: {case[0]}/{key}"] = value
    save_file(found, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
