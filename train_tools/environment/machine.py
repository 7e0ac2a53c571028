"""What of this machine decides how the environment is made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INSTALLER_VARIABLE = "TRAIN_TOOLS_INSTALLER"  # pip: don't use uv even where it is
TORCH_VARIABLE = "TRAIN_TOOLS_TORCH"  # cpu or cuda: don't look for a GPU
DRIVER = Path("/proc/driver/nvidia/version")
ANSWER_S = 20.0


@dataclass(frozen=True)
class Machine:
    """`platform` as sys.platform says it; `uv` is its executable, empty where there is none."""

    platform: str
    uv: str
    nvidia: bool


def this_machine(environ: Mapping[str, str]) -> Machine:
    uv = "" if environ.get(INSTALLER_VARIABLE) == "pip" else shutil.which("uv") or ""
    torch = environ.get(TORCH_VARIABLE, "")
    return Machine(sys.platform, uv, has_nvidia() if torch not in ("cpu", "cuda") else torch == "cuda")


def has_nvidia() -> bool:
    """Whether an NVIDIA GPU's driver answers."""
    if DRIVER.exists():
        return True
    if not (program := shutil.which("nvidia-smi")):
        return False
    try:
        answer = subprocess.run(
            [program], stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0
