"""A run's network has the layers, shapes and learning rates that sd-scripts' and LyCORIS' own network has.

What theirs are is recorded, as hashes: `networks.json`, made by the last test with sd-scripts 48d368fa and lycoris-lora
3.2.0.post2, which also says what differs.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.sd_scripts.narrow import narrow_checkout

from train_tools.engines.packed import support
from train_tools.engines.packed.config import from_arguments
from train_tools.engines.packed.network.layers import make_stack
from train_tools.engines.packed.step.weights import own_numbers, parts_of
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya

FOLDER = Path(__file__).parent
FACTS = FOLDER / "networks.json"
VARIABLE = "TRAIN_TOOLS_SD_SCRIPTS"
REAL = os.environ.get(VARIABLE, "")  # asked before a fixture of all tests takes it away
RATES = {"text_encoder_lr": [2e-4], "unet_lr": 1e-4, "learning_rate": 1e-4}
DIMS = ",".join(str(number % 5) for number in range(25))
HALVES = ",".join(str(1 + number % 3) for number in range(25))


def plain(*words: str, dim: int = 4, alpha: float = 2.0) -> dict[str, Any]:
    given = {"network_dim": dim, "network_alpha": alpha}
    return {**given, "network_args": list(words)} if words else given


def lycoris(*words: str, dim: int = 4, alpha: float = 2.0) -> dict[str, Any]:
    return {**plain(*words, dim=dim, alpha=alpha), "network_module": "lycoris.kohya"}


CASES: dict[str, dict[str, dict[str, Any]]] = {
    "sd1": {
        "plain": plain(),
        "alpha 0": plain(alpha=0),
        "conv_dim": plain("conv_dim=3", "conv_alpha=1.5"),
        "conv_dim 0": plain("conv_dim=0"),
        "block_dims": plain(f"block_dims={DIMS}", f"block_alphas={HALVES}"),
        "block_dims with conv_dim": plain(f"block_dims={DIMS}", "conv_dim=2"),
        "conv_block_dims": plain(f"block_dims={DIMS}", f"conv_block_dims={HALVES}", f"conv_block_alphas={HALVES}"),
        "conv_block_dims alone": plain(f"conv_block_dims={HALVES}"),
        "rates of blocks": plain("down_lr_weight=cosine+.25", "mid_lr_weight=0.5", "up_lr_weight=reverse_linear"),
        "rates with kernels": plain(
            "down_lr_weight=0,0,1,1,.5,.1", "block_lr_zero_threshold=0.2", "up_lr_weight=sine", "conv_dim=2"
        ),
        "zeros": plain("down_lr_weight=zeros", "up_lr_weight=linear+1", "conv_dim=2", "loraplus_unet_lr_ratio=4"),
        "LoRA+": plain("loraplus_lr_ratio=4", "loraplus_text_encoder_lr_ratio=8"),
        "locon": lycoris("algo=locon", "conv_dim=2", "conv_alpha=1"),
        "no algorithm": lycoris(),
        "LoRA+ of LyCORIS": lycoris("algo=lora", "loraplus_lr_ratio=4"),
        "tucker": lycoris("algo=lora", "use_tucker=True", "conv_dim=2"),
        "scalar": lycoris("algo=lora", "use_scalar=True", "preset=attn-only"),
        "root": lycoris("algo=lora", "rs_lora=True", "preset=full-lin"),
        "DoRA": lycoris("algo=lora", "dora_wd=True", "preset=unet-transformer-only"),
        "DoRA of inputs": lycoris("algo=loha", "dora_wd=True", "wd_on_output=False", "preset=unet-convblock-only"),
        "LoHa": lycoris("algo=loha", "conv_dim=2", "conv_alpha=1"),
        "norms": lycoris("algo=locon", "train_norm=True", "conv_dim=2"),
        "norms without kernels": lycoris("algo=loha", "train_norm=True", "preset=full-lin", "loraplus_lr_ratio=4"),
        "norms nowhere": lycoris("algo=lora", "train_norm=True", "preset=attn-only"),
        "LoHa tucker": lycoris("algo=loha", "use_cp=True", "preset=unet-only"),
        "LoKr": lycoris("algo=lokr", "factor=4"),
        "LoKr whole": lycoris("algo=lokr", "full_matrix=True", "preset=attn-mlp"),
        "LoKr of a large rank": lycoris("algo=lokr", "factor=8", dim=100000, alpha=1),
        "LoKr tucker": lycoris("algo=lokr", "decompose_both=True", "factor=16", "use_tucker=True", dim=1),
        "LoKr unbalanced": lycoris(
            "algo=lokr", "unbalanced_factorization=True", "use_scalar=True", "conv_dim=0", dim=2
        ),
    },
    "sdxl": {
        "conv_dim": plain("conv_dim=3"),
        "blocks": plain(
            "block_dims=" + ",".join(str(n % 4) for n in range(23)), "down_lr_weight=linear", "mid_lr_weight=1,.5",
        ),
        "LoHa": lycoris("algo=loha", "conv_dim=2"),
        "LoKr": lycoris("algo=lokr", "factor=8", "preset=attn-only"),
        "norms": lycoris("algo=lokr", "factor=8", "train_norm=True"),
    },
}  # fmt: skip
EACH = [(family, name) for family, cases in CASES.items() for name in cases]


@cache
def base_of(family: str) -> BaseModel:
    return narrow.build(KINDS[family])


def ours(family: str, given: dict[str, Any]) -> dict[str, Any]:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1, **RATES,
        **given,
    }  # fmt: skip
    assert support.unsupported(arguments) == []
    config = from_arguments(Path("run"), arguments)
    stack = make_stack([config], base_of(family), torch.device("cpu"), torch.float32)
    saved = {name: list(t.shape) for name, t in kohya.tensors_of(stack, 0, torch.float32).items()}
    groups = [(part.rate, int(own_numbers(part.pieces, 0).sum())) for part in parts_of(stack, config, 0)]
    return {"saved": saved, "groups": groups}


def hashed(network: dict[str, Any]) -> str:
    """Text encoders may be in one group or in several of one rate."""
    numbers: dict[str, int] = {}
    for rate, count in network["groups"]:
        numbers[f"{rate:.6g}"] = numbers.get(f"{rate:.6g}", 0) + count
    said = json.dumps([sorted(network["saved"].items()), sorted(numbers.items())])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@pytest.mark.parametrize(("family", "name"), EACH)
def test_a_network_is_the_trainers_own(family: str, name: str) -> None:
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    assert hashed(ours(family, CASES[family][name])) == facts[family][name]


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts")
@pytest.mark.parametrize("family", list(CASES))
def test_so_it_is_with_those_that_are_installed(family: str, tmp_path: Path) -> None:
    checkout = narrow_checkout(Path(REAL).absolute(), tmp_path / "sd-scripts")
    python = Path(REAL) / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    cases, out = tmp_path / "cases.json", tmp_path / "out.json"
    cases.write_text(json.dumps(CASES[family]))
    command = [python, FOLDER / "real_networks.py", checkout, family, cases, out]
    subprocess.run(command, check=True, capture_output=True)
    theirs = json.loads(out.read_text())
    for name, given in CASES[family].items():
        found = ours(family, given)
        assert found["saved"] == theirs[name]["saved"], name
        assert hashed(found) == hashed(theirs[name]), (name, found["groups"], theirs[name]["groups"])
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    assert facts[family] == {name: hashed(network) for name, network in theirs.items()}
