"""Files that are looked at by their heads alone: base models of families that tests don't draw."""

from __future__ import annotations

from pathlib import Path

from execution.fake_engine import write_safetensors

XL = {"conditioner.embedders.1.model.ln_final.weight": (8,)}
FLUX = {"double_blocks.0.img_attn.qkv.weight": (8, 8), "img_in.weight": (8, 64)}
HEADS: dict[str, dict[str, tuple[int, ...]]] = {
    "sdxl": XL,
    "velocity": {**XL, "v_pred": (1,), "ztsnr": (1,)},
    "flux dev": {**FLUX, "guidance_in.in_layer.weight": (8, 256)},
    "flux schnell": {**FLUX, "time_in.in_layer.weight": (8, 256)},
    "sd3": {"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight": (8, 8)},
    "anima": {"llm_adapter.blocks.0.norm1.weight": (8,)},
}


def model(folder: Path, name: str) -> Path:
    path = folder / f"{name}.safetensors"
    write_safetensors(path, HEADS[name])
    return path


def parts(folder: Path) -> dict[str, str]:
    """The further files of FLUX.1, by the arguments that name them."""
    files = {name: folder / f"{name}.safetensors" for name in ("clip_l", "t5xxl", "ae")}
    for path in files.values():
        write_safetensors(path, {"weight": (8,)})
    return {name: str(path) for name, path in files.items()}


def checkout(folder: Path) -> Path:
    """What of sd-scripts is looked for before anything is started."""
    folder.mkdir()
    for name in ("train_network.py", "flux_train_network.py"):
        (folder / name).touch()
    return folder
