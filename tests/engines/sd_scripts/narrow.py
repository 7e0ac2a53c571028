"""A real checkout of sd-scripts with models as narrow as those of the tests, so that a run takes seconds.

Stable Diffusion 1's UNet is as wide as that of the small base model, which is loaded from a diffusers folder; Stable
Diffusion XL is what `model narrow sdxl` writes. Its files are links, but for the scripts, as Python looks for modules
beside the file that a link leads to, and for those whose sizes are changed. Several processes on the CPU need one
change besides: a model that isn't trained isn't to be wrapped, which accelerate heeds on GPUs alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from train_tools.small_models.architecture import UNET

UNTRAINED_ON_SEVERAL = (
    ("return accelerator.prepare(unet)", "return unet"),
    ("accelerator.prepare(t_enc)", "t_enc"),
)


def narrow_checkout(real: Path, folder: Path) -> Path:
    constants, others = _constants(), _written_out()
    changed = {*constants, *others}
    (folder / "library").mkdir(parents=True)
    for path in real.iterdir():
        if path.suffix == ".py":
            shutil.copyfile(path, folder / path.name)
        elif path.name != "library":
            (folder / path.name).symlink_to(path)
    for path in (real / "library").iterdir():
        if path.name in changed:
            shutil.copyfile(path, folder / "library" / path.name)
        else:
            (folder / "library" / path.name).symlink_to(path)
    _change(folder / "train_network.py", UNTRAINED_ON_SEVERAL)
    for name, values in constants.items():
        _set(folder / "library" / name, values)
    for name, changes in others.items():
        _change(folder / "library" / name, changes)
    return folder


def _constants() -> dict[str, dict[str, object]]:
    """By the file that says them."""
    from train_tools.families.sdxl.model import StableDiffusionXL
    from train_tools.families.stable_diffusion.narrow import SIZE_WIDTH, SIZES

    widths, xl = tuple(UNET["block_out_channels"]), StableDiffusionXL.narrow
    return {
        "original_unet.py": {
            "BLOCK_OUT_CHANNELS": widths, "TIMESTEP_INPUT_DIM": widths[0], "TIME_EMBED_DIM": 4 * widths[0],
        },
        "sdxl_original_unet.py": {
            "ADM_IN_CHANNELS": xl.texts[1][0] + SIZES * SIZE_WIDTH, "MODEL_CHANNELS": xl.widths[0],
            "TIME_EMBED_DIM": 4 * xl.widths[0],
        },
        "model_util.py": {
            "VAE_PARAMS_CH": xl.vae[0], "VAE_PARAMS_CH_MULT": [width // xl.vae[0] for width in xl.vae],
        },
    }  # fmt: skip


def _written_out() -> dict[str, list[tuple[str, str]]]:
    """Sizes that stand in the calls themselves: those of the text encoders, and how wide a text is for the UNet."""
    from train_tools.families.sdxl.model import StableDiffusionXL
    from train_tools.families.stable_diffusion.encoders import HEAD_WIDTH

    changes = []
    for (width, _), true in zip(StableDiffusionXL.narrow.texts, (768, 1280), strict=True):
        for name, part in (
            ("hidden_size", lambda w: w), ("intermediate_size", lambda w: 4 * w), ("projection_dim", lambda w: w),
            ("num_attention_heads", lambda w: w // HEAD_WIDTH),
        ):  # fmt: skip
            changes.append((f" {name}={part(true)},", f" {name}={part(width)},"))
    context = sum(width for width, _ in StableDiffusionXL.narrow.texts)
    return {
        "sdxl_model_util.py": changes,
        "sdxl_original_unet.py": [("cross_attention_dim=2048,", f"cross_attention_dim={context},")],
    }


def _set(path: Path, values: Mapping[str, object]) -> None:
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text, count = re.subn(rf"^{name}\b[^=\n]*=.*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, f"{path.name} says {name} no more"
    path.write_text(text, encoding="utf-8")


def _change(path: Path, changes: Sequence[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{path.name} says {old} no more"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def small_diffusers_folder(folder: Path) -> Path:
    """The small base model in the layout whose sizes sd-scripts reads off the model itself."""
    from train_tools.base_model.convert import convert
    from train_tools.small_models import base_model_file

    convert(base_model_file(), folder)
    return folder
