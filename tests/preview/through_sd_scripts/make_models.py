"""`python make_models.py CHECKOUT FAMILY FOLDER`: narrow random models of a family, in sd-scripts' interpreter.

They are its own classes with the sizes of the narrowed checkout, and are saved under the names that the true files have.
Prints, as JSON, the arguments that name them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SEED = 7


def main(checkout: str, family: str, folder: Path) -> None:
    sys.path.insert(0, checkout)
    folder.mkdir(parents=True, exist_ok=True)
    print("\n" + json.dumps(MAKERS[family](folder)))


def random(module: Any, scale: float = 0.2) -> Any:
    """Weights that make pictures which are neither even nor without numbers."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    module = module.to_empty(device="cpu")
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = torch.randn(tensor.shape, generator=generator) * scale
        if tensor.ndim < 2 and ("norm" in name or "scale" in name) and not name.endswith("bias"):
            values = 1 + values / 10
        elif tensor.ndim > 1:
            values = values * (4 / tensor[0].numel()) ** 0.5 * 2
        tensor.copy_(values)
    return module


def save(module: Any, path: Path, prefix: str = "") -> str:
    import torch
    from safetensors.torch import save_file

    tensors = {prefix + name: value.contiguous().clone() for name, value in module.state_dict().items()}
    save_file({name: value.to(torch.bfloat16) if value.is_floating_point() else value for name, value in tensors.items()}, path)
    return str(path)


def t5xxl(folder: Path) -> str:
    return _encoder(folder, "t5xxl", "load_t5xxl")


def clip_l(folder: Path) -> str:
    return _encoder(folder, "clip_l", "load_clip_l")


def _encoder(folder: Path, name: str, load: str) -> str:
    """Built by sd-scripts from nothing, as its configuration says."""
    import torch
    from library import flux_utils

    empty = getattr(flux_utils, load)(None, torch.float32, "cpu", state_dict={})
    made = random(empty)
    if name == "t5xxl":
        made.encoder.embed_tokens.weight = made.shared.weight
    return save(made, folder / f"{name}.safetensors")


def ae(folder: Path) -> str:
    import torch
    from library import flux_models

    with torch.device("meta"):
        made = flux_models.AutoEncoder(flux_models.configs["dev"].ae_params)
    return save(random(made), folder / "ae.safetensors")


def flux(folder: Path, name: str = "dev") -> dict[str, str]:
    from dataclasses import replace

    import torch
    from library import flux_models

    with torch.device("meta"):
        made = flux_models.Flux(replace(flux_models.configs[name].params, depth=2, depth_single_blocks=2))
    return {
        "pretrained_model_name_or_path": save(random(made), folder / f"flux1-{name}.safetensors"),
        "clip_l": clip_l(folder),
        "t5xxl": t5xxl(folder),
        "ae": ae(folder),
    }


def schnell(folder: Path) -> dict[str, str]:
    return flux(folder, "schnell")


def chroma(folder: Path) -> dict[str, str]:
    import torch
    from library import chroma_models

    with torch.device("meta"):
        made = chroma_models.Chroma(chroma_models.chroma_params)
    return {
        "pretrained_model_name_or_path": save(random(made), folder / "chroma.safetensors"),
        "t5xxl": t5xxl(folder),
        "ae": ae(folder),
        "model_type": "chroma",
    }


MAKERS = {"flux": flux, "schnell": schnell, "chroma": chroma}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
