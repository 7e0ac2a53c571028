"""The states that sd-scripts saves at the end of an epoch, and which of them a run can go on from.

It saves one with each checkpoint of an epoch, never when it is ended: what was trained after the last one is trained
again, and steps within an epoch can't be taken up. The random numbers go on, but images are shuffled anew, so a run
that was interrupted isn't the same to the last digit as one that wasn't.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header

EPOCH_STATE = re.compile(r".*-(\d{6})-state")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# In the order of writing, the last one last; all are zip files of torch.save.
REST = ("optimizer.bin", "scheduler.bin", "random_states_0.pkl")


def last_state(folder: Path, epochs: int) -> tuple[Path, int] | None:
    """The newest whole state in sd-scripts' output folder and its epoch, which is below `epochs`."""
    whole = [
        (int(found[1]), path)
        for path in folder.glob("*-state")
        if (found := EPOCH_STATE.fullmatch(path.name))
        and int(found[1]) < epochs
        and is_whole(path, int(found[1]))
    ]
    epoch, path = max(whole, default=(0, folder))
    return (path, epoch) if epoch else None


def is_whole(state: Path, epoch: int) -> bool:
    """Whether it was written to its end, and at the end of `epoch`."""
    try:
        said = json.loads((state / "train_state.json").read_text(encoding="utf-8"))
        weights = next((state / name for name in WEIGHTS if (state / name).is_file()), None)
        if weights is None or said["current_epoch"] != epoch:
            return False
        if weights.suffix == ".safetensors":
            read_header(weights)
        elif not zipfile.is_zipfile(weights):
            return False
    except (OSError, ValueError, KeyError, TypeError, TrainToolsError):
        return False
    return all(zipfile.is_zipfile(state / name) for name in REST)


def remove_others(folder: Path, kept: Path | None) -> None:
    """All states but `kept`: sd-scripts forgets which it wrote before, and they are large."""
    for path in folder.glob("*-state"):
        if path != kept and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
