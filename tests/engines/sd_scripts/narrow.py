"""A real checkout of sd-scripts with a UNet as narrow as that of the small base model, so that a run takes seconds.

Its files are links, but for the scripts, as Python looks for modules beside the file that a link leads to, and for
the one whose three widths are changed. Several processes on the CPU need one change besides: a model that isn't
trained isn't to be wrapped, which accelerate heeds on GPUs alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from train_tools.small_models.architecture import UNET

UNET_FILE = "original_unet.py"
UNTRAINED_ON_SEVERAL = (
    ("return accelerator.prepare(unet)", "return unet"),
    ("accelerator.prepare(t_enc)", "t_enc"),
)


def narrow_checkout(real: Path, folder: Path) -> Path:
    (folder / "library").mkdir(parents=True)
    for path in real.iterdir():
        if path.suffix == ".py":
            shutil.copyfile(path, folder / path.name)
        elif path.name != "library":
            (folder / path.name).symlink_to(path)
    for path in (real / "library").iterdir():
        if path.name != UNET_FILE:
            (folder / "library" / path.name).symlink_to(path)
    _change(folder / "train_network.py", UNTRAINED_ON_SEVERAL)
    widths = tuple(UNET["block_out_channels"])
    values = {
        "BLOCK_OUT_CHANNELS": widths, "TIMESTEP_INPUT_DIM": widths[0], "TIME_EMBED_DIM": 4 * widths[0],
    }  # fmt: skip
    text = (real / "library" / UNET_FILE).read_text(encoding="utf-8")
    for name, value in values.items():
        text, count = re.subn(rf"^{name}\b[^=\n]*=.*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, f"{UNET_FILE} says {name} no more"
    (folder / "library" / UNET_FILE).write_text(text, encoding="utf-8")
    return folder


def _change(path: Path, changes: Sequence[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{path.name} says {old} no more"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def small_diffusers_folder(folder: Path) -> Path:
    """The small base model in the layout whose sizes sd-scripts reads off the model itself."""
    from train_tools.base_model.convert import convert
    from train_tools.small_models import base_model_file

    convert(base_model_file(), folder)
    return folder
