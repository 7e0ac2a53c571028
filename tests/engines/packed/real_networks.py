"""What sd-scripts' and LyCORIS' own networks are on narrow models, for the tests: run in sd-scripts' environment.

    <its python> tests/engines/packed/real_networks.py <a narrow checkout> <family> <cases.json> <out.json>

Of each case: the names and shapes of all that is saved, and the groups of its optimizer as rate and count of numbers.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

RATES = (2e-4, 1e-4, 1e-4)  # of the text encoder, the UNet, and what neither is said of


def models(family: str) -> tuple[Any, Any]:
    """UNet and text encoders, as wide as `families.stable_diffusion.narrow` makes them."""
    from transformers import CLIPTextConfig, CLIPTextModel

    def text(width: int, layers: int) -> Any:
        sizes = {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_attention_heads": 1,
            "vocab_size": 100,
        }
        return CLIPTextModel(CLIPTextConfig(num_hidden_layers=layers, **sizes))

    torch.manual_seed(0)
    if family == "sdxl":
        from library.sdxl_original_unet import SdxlUNet2DConditionModel

        return SdxlUNet2DConditionModel(), [text(64, 12), text(128, 32)]
    from library.model_util import create_unet_diffusers_config
    from library.original_unet import UNet2DConditionModel

    config = create_unet_diffusers_config(False)
    config["cross_attention_dim"] = 64
    return UNet2DConditionModel(**config), text(64, 12)


def described(case: dict[str, Any], unet: Any, texts: Any) -> dict[str, Any]:
    words = dict(word.split("=", 1) for word in case.get("network_args", ()))
    module = importlib.import_module(case.get("network_module", "networks.lora"))
    importlib.reload(module)  # networks.lora remembers conv_dim
    words.setdefault("dropout", None)
    network = module.create_network(
        1.0, case["network_dim"], case["network_alpha"], None, texts, unet, neuron_dropout=None, **words
    )
    network.text_encoder_loras, network.unet_loras = (
        list(network.text_encoder_loras),
        list(network.unet_loras),
    )
    for one in network.text_encoder_loras + network.unet_loras:
        one._modules.pop("org_module", None)  # as it does when it is put on a model
        network.add_module(one.lora_name, one)
    groups, _ = network.prepare_optimizer_params(*RATES)
    counted = [(group["lr"], sum(one.numel() for one in group["params"])) for group in groups]
    saved = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    return {"saved": saved, "groups": counted}


def main(checkout: str, family: str, cases: str, out: str) -> None:
    sys.path.insert(0, checkout)
    unet, texts = models(family)
    asked = json.loads(Path(cases).read_text())
    Path(out).write_text(json.dumps({name: described(case, unet, texts) for name, case in asked.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
