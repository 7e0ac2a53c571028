"""`python make_lora.py CHECKOUT FAMILY ARGUMENTS WANTED`: random LoRAs, in sd-scripts' interpreter.

WANTED is JSON, from each file to the network module and its options. The networks are made, filled and saved by
sd-scripts' own modules; with `texts=1` they change the text encoders, too.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[3] / "train_tools"
SEED = 11


def main(checkout: str, family: str, arguments: dict[str, Any], wanted: dict[str, list[str]]) -> None:
    sys.path[:1] = [checkout, str(PACKAGE.parent)]  # and not what lies beside this file
    import torch

    drawing = importlib.import_module(f"train_tools.families.{family}.drawing").DRAWING
    settings = importlib.import_module("train_tools.families.drawing").Settings
    made = drawing(settings(arguments, torch.device("cpu")))
    for file, (module, *words) in wanted.items():
        make(made.text_encoders(), made.transformer(), file, module, words)


def make(encoders: list[Any], transformer: Any, file: str, module: str, words: Sequence[str]) -> None:
    import torch

    options = dict(word.split("=", 1) for word in words)
    texts = bool(options.pop("texts", ""))
    network = importlib.import_module(module).create_network(
        1.0,
        int(options.pop("dim", 4)),
        float(options.pop("alpha", 4)),
        None,
        encoders,
        transformer,
        **options,
    )
    network.apply_to(encoders, transformer, texts, True)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    network.save_weights(file, torch.bfloat16, {"ss_network_module": module, "ss_network_dim": "4"})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4]))
