"""Each kind of network makes of a layer what the trainer's own module makes of it, from the file that it saves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.lora.kinds.interface import Weights
from train_tools.lora.kinds.registry import kind_of
from train_tools.lora.kohya import LoraFile
from train_tools.lora.weighting import weighted

FOLDER = Path(__file__).parent
MADE = FOLDER / "trainers_kinds.safetensors"
REAL = os.environ.get("TRAIN_TOOLS_SD_SCRIPTS", "")  # asked before a fixture of all tests takes it away
COMPUTE: dict[str, Callable[[Tensor, Weights], Tensor]] = {
    "linear": lambda x, layer: F.linear(x, layer.weight, layer.bias),
    "point": lambda x, layer: F.conv2d(x, layer.weight, layer.bias),
    "kernel": lambda x, layer: F.conv2d(x, layer.weight, layer.bias, padding=1),
    "layer_norm": lambda x, layer: F.layer_norm(x, layer.weight.shape, layer.weight, layer.bias),
    "group_norm": lambda x, layer: F.group_norm(x, 2, layer.weight, layer.bias),
}


@cache
def made() -> dict[str, Tensor]:
    return load_file(MADE)


def cases() -> list[str]:
    return sorted({name.split("/")[0] for name in made() if ": " in name})


def check(tensors: dict[str, Tensor], case: str) -> None:
    of = case.split(":", maxsplit=1)[0]
    layer = Weights(tensors[f"layer/{of}/weight"], tensors.get(f"layer/{of}/bias"))
    given = tensors[f"input/{of}"]
    start = f"{case}/saved/"
    parts = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    kind = kind_of(parts)
    assert kind is not None
    assert set(parts) <= set(kind.names)

    def computed(multiplier: float) -> Tensor:
        return COMPUTE[of](given, kind.changed(layer, parts, multiplier))

    plain, full = COMPUTE[of](given, layer), tensors[f"{case}/full"]
    assert (full - plain).abs().max() > 0.1
    torch.testing.assert_close(computed(1.0), full, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(computed(0.0), plain, rtol=1e-4, atol=1e-5)
    if (half := tensors.get(f"{case}/half")) is not None:
        torch.testing.assert_close(computed(0.5), half, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", cases())
def test_a_file_makes_of_a_layer_what_its_trainer_makes(case: str) -> None:
    check(made(), case)


@pytest.mark.parametrize("case", cases())
def test_a_weight_can_be_put_into_the_file(case: str) -> None:
    """Where what it adds is multiplied by it; of the others it is told."""
    tensors = made()
    of, start = case.split(":", maxsplit=1)[0], f"{case}/saved/"
    layer = Weights(tensors[f"layer/{of}/weight"], tensors.get(f"layer/{of}/bias"))
    saved = {f"a.{n.removeprefix(start)}": t for n, t in tensors.items() if n.startswith(start)}
    file = LoraFile(Path("lora.safetensors"), saved, {})
    if "dora" in case or "oft" in case:
        with pytest.raises(TrainToolsError, match="block weights can't be put into"):
            weighted(file, lambda _: 0.3)
        return
    parts = LoraFile(file.path, weighted(file, lambda _: 0.3), {}).modules["a"]
    kind = kind_of(parts)
    assert kind is not None
    whole, told = kind.changed(layer, parts, 1.0), kind.changed(layer, file.modules["a"], 0.3)
    torch.testing.assert_close(whole.weight, told.weight, rtol=1e-4, atol=1e-5)
    if whole.bias is not None:
        torch.testing.assert_close(whole.bias, told.bias, rtol=1e-4, atol=1e-5)


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason="TRAIN_TOOLS_SD_SCRIPTS names no checkout of sd-scripts")
def test_so_it_is_with_the_trainers_that_are_installed(tmp_path: Path) -> None:
    script, out = FOLDER / "trainers_kinds.py", tmp_path / "kinds.safetensors"
    python = Path(REAL) / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    subprocess.run([python, script, REAL, out], check=True, capture_output=True)
    tensors = load_file(out)
    for case in cases():
        check(tensors, case)
