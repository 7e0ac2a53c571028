"""`python make_models.py CHECKOUT FAMILY FOLDER`: narrow random models of a family, in sd-scripts' interpreter.

They are its own classes with the sizes of the narrowed checkout, and are saved under the names that the true files
have. Prints, as JSON, the arguments that name them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SEED = 7
BASE = "pretrained_model_name_or_path"


def main(checkout: str, family: str, folder: Path) -> None:
    sys.path[0] = checkout  # and not what lies beside this file
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


def save(module: Any, path: Path, prefix: str = "", renamed: Callable[[str], str] = str) -> str:
    """In bf16, as most files are."""
    import torch
    from safetensors.torch import save_file

    tensors = {prefix + renamed(name): value for name, value in module.state_dict().items()}
    kept = {n: v.to(torch.bfloat16) if v.is_floating_point() else v for n, v in tensors.items()}
    save_file({name: value.contiguous().clone() for name, value in kept.items()}, path)
    return str(path)


class BuiltError(Exception):
    """Carries a model out of the function that was about to load a file into it."""


def built(module: Any, name: str, load: Callable[[], Any], of: str = "") -> Any:
    """What `load` builds of the class `module.name`, as its own configuration says.

    With `of` that local variable of `load`'s function, at the time when it calls `module.name`.
    """
    made = getattr(module, name)

    def build(*args: Any, **options: Any) -> None:
        raise BuiltError(sys._getframe(1).f_locals[of] if of else made(*args, **options))

    def from_config(config: Any) -> None:
        raise BuiltError(made._from_config(config))

    build._from_config = from_config
    setattr(module, name, build)
    try:
        load()
    except BuiltError as error:
        return error.args[0]
    finally:
        setattr(module, name, made)
    raise AssertionError(f"{name} wasn't built")


def t5xxl(folder: Path) -> str:
    import torch
    from library import flux_utils

    made = random(flux_utils.load_t5xxl(None, torch.float32, "cpu", state_dict={}))
    made.encoder.embed_tokens.weight = made.shared.weight
    return save(made, folder / "t5xxl.safetensors")


def clip_l(folder: Path) -> str:
    import torch
    from library import flux_utils

    made = flux_utils.load_clip_l(None, torch.float32, "cpu", state_dict={})
    return save(random(made), folder / "clip_l.safetensors")


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
        BASE: save(random(made), folder / f"flux1-{name}.safetensors"),
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
        BASE: save(random(made), folder / "chroma.safetensors"),
        "t5xxl": t5xxl(folder),
        "ae": ae(folder),
        "model_type": "chroma",
    }


def sd3(folder: Path) -> dict[str, str]:
    """3.5 medium: its transformer and VAE in one file, the text encoders beside."""
    from accelerate import init_empty_weights
    from library import sd3_models, sd3_utils
    from safetensors.torch import load_file, save_file

    depth = 2
    params = sd3_models.SD3Params(
        patch_size=2, depth=depth, num_patches=64, pos_embed_max_size=8, adm_in_channels=80, qk_norm="rms",
        x_block_self_attn_layers=[0], context_embedder_in_features=96, context_embedder_out_features=64 * depth,
        model_type="5-medium",
    )  # fmt: skip
    with init_empty_weights():
        mmdit = sd3_models.create_sd3_mmdit(params)
    vae = built(sd3_models, "SDVAE", lambda: sd3_utils.load_vae("", None, "meta", state_dict={}))
    halves = [
        load_file(save(random(mmdit), folder / "mmdit.safetensors", "model.diffusion_model.")),
        load_file(save(random(vae), folder / "vae.safetensors", "first_stage_model.")),
    ]
    save_file(halves[0] | halves[1], folder / "sd3.5_medium.safetensors")
    encoders = {
        name: built(
            sd3_utils, "CLIPTextModelWithProjection", lambda load=load: load("", None, "cpu", state_dict={})
        )
        for name, load in (("clip_l", sd3_utils.load_clip_l), ("clip_g", sd3_utils.load_clip_g))
    }
    return {
        BASE: str(folder / "sd3.5_medium.safetensors"),
        "t5xxl": t5xxl(folder),
        **{name: save(random(made), folder / f"{name}.safetensors") for name, made in encoders.items()},
    }


def lumina(folder: Path) -> dict[str, str]:
    import torch
    from library import lumina_models, lumina_util

    with torch.device("meta"):
        made = lumina_models.NextDiT_2B_GQA_patch2_Adaln_Refiner()
    gemma = lumina_util.load_gemma2(None, torch.float32, "cpu", state_dict={})
    return {
        BASE: save(random(made), folder / "lumina.safetensors"),
        "gemma2": save(random(gemma), folder / "gemma2.safetensors"),
        "ae": ae(folder),
    }


def hunyuan_image(folder: Path) -> dict[str, str]:
    import torch
    from library import hunyuan_image_models, hunyuan_image_text_encoder, hunyuan_image_vae

    encoders = hunyuan_image_text_encoder
    made = hunyuan_image_models.create_model("torch", False, torch.float32)
    qwen = built(
        encoders, "Qwen2_5_VLForConditionalGeneration",
        lambda: encoders.load_qwen2_5_vl("", None, "cpu", state_dict={}),
    )  # fmt: skip
    byt5 = built(
        encoders, "load_safetensors", lambda: encoders.load_byt5("", None, "cpu"), of="byt5_text_encoder"
    )
    return {
        BASE: save(random(made), folder / "hunyuanimage2.1.safetensors"),
        "text_encoder": save(random(qwen), folder / "qwen_2.5_vl.safetensors", renamed=as_qwen),
        "byt5": save(random(byt5), folder / "byt5.safetensors", renamed=as_byt5),
        "vae": save(random(hunyuan_image_vae.HunyuanVAE2D()), folder / "hunyuan_image_vae.safetensors"),
    }


def as_qwen(name: str) -> str:
    """As in the file: of before transformers changed the names."""
    return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")


def as_byt5(name: str) -> str:
    return "shared.weight" if name == "embed_tokens.weight" else f"encoder.{name}"


def anima(folder: Path) -> dict[str, str]:
    import torch
    import transformers
    from library import anima_models, anima_utils, qwen_image_autoencoder_kl

    made = built(
        anima_models, "Anima",
        lambda: anima_utils.load_anima_model("cpu", "", "torch", False, "cpu", torch.float32),
    )  # fmt: skip
    config = transformers.Qwen3Config.from_pretrained(
        Path(anima_utils.__file__).parents[1] / "configs" / "qwen3_06b"
    )
    qwen3 = transformers.Qwen3ForCausalLM(config).model
    vae = built(
        qwen_image_autoencoder_kl, "AutoencoderKLQwenImage", lambda: qwen_image_autoencoder_kl.load_vae("")
    )
    return {
        BASE: save(random(made), folder / "anima.safetensors", "net."),
        "qwen3": save(random(qwen3), folder / "qwen3.safetensors", "model."),
        "vae": save(random(vae), folder / "qwen_image_vae.safetensors"),
    }


MAKERS = {
    "flux": flux,
    "schnell": schnell,
    "chroma": chroma,
    "sd3": sd3,
    "lumina": lumina,
    "hunyuan_image": hunyuan_image,
    "anima": anima,
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
