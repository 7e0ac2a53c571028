"""Which VAE and text encoders the pictures of a run are drawn with, whatever a webui has chosen."""

from __future__ import annotations

from pathlib import Path

from train_tools.arguments.base_family import base_family
from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

from .cells import Run

WHOLE = ("sd", "sdxl")  # families whose checkpoints hold all they need
PICKLED = (".ckpt", ".pt")  # from the years of Stable Diffusion 1 and 2; their heads can't be read
OWN = "first_stage_model."
VAES = ("vae", "ae")
TEXT_ENCODERS = (
    "clip_l", "clip_g", "t5xxl", "gemma2", "qwen3", "text_encoder", "byt5",
)  # fmt: skip
AS_HOST = "host"

Parts = tuple[str | None, tuple[str, ...] | None]  # as in cells.Drawn


def parts_of(run: Run, base_model: Path, chosen: str) -> Parts:
    """`chosen` is the preview's setting `vae`: "" is as trained."""
    if chosen == AS_HOST:
        return None, None
    given = chosen or next((str(v) for name in VAES if (v := run.arguments.get(name))), "")
    vae = str(Path(given).absolute()) if given else None
    family = base_family(base_model).name
    if family in WHOLE or (not family and base_model.suffix.lower() in PICKLED):
        return ("" if vae is None and holds_vae(base_model) else vae), ()
    encoders = tuple(str(Path(str(v)).absolute()) for n in TEXT_ENCODERS if (v := run.arguments.get(n)))
    return vae, encoders or None


def holds_vae(base_model: Path) -> bool:
    if base_model.suffix.lower() in PICKLED or base_model.is_dir():
        return True
    try:
        return any(name.startswith(OWN) for name in read_header(base_model).tensors)
    except TrainToolsError:
        return True
