"""`python make_lora.py CHECKOUT FAMILY ARGUMENTS MODULE FILE [name=value …]`: a random LoRA, in sd-scripts' interpreter.

The network is made, filled and saved by sd-scripts' own module; `texts=1` changes the text encoders, too.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[3] / "train_tools"
SEED = 11


def main(
    checkout: str, family: str, arguments: dict[str, Any], module: str, file: str, words: list[str]
) -> None:
    sys.path[:1] = [checkout, str(PACKAGE.parent)]  # and not what lies beside this file
    import torch

    drawing = importlib.import_module(f"train_tools.families.{family}.drawing").DRAWING
    settings = importlib.import_module("train_tools.families.drawing").Settings
    made = drawing(settings(arguments, torch.device("cpu")))
    encoders, transformer = made.text_encoders(), made.transformer()
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
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4], sys.argv[5], sys.argv[6:])
