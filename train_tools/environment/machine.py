"""What of this machine decides how the environment is made."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INSTALLER_VARIABLE = "TRAIN_TOOLS_INSTALLER"  # pip: don't use uv even where it is
TORCH_VARIABLE = (
    "TRAIN_TOOLS_TORCH"  # cpu, cuda or a build's name (cu126, rocm6.4, xpu): don't look for a GPU
)
DRIVER = Path("/proc/driver/nvidia/version")
AMD_DRIVER = Path("/dev/kfd")
ANSWER_S = 20.0
CUDA_VERSION = re.compile(rb"CUDA Version:\s*(\d+)\.(\d+)")
# Builds of torch by the CUDA that the driver must know, the newest first. PyTorch's index names them so.
CUDA_BUILDS = (((13, 0), "cu130"), ((12, 9), "cu129"), ((12, 8), "cu128"), ((12, 6), "cu126"))
PLAIN_CUDA = (13, 0)  # of the package in the index
# CUDA 13 knows no GPU before Turing; of the builds for 12, 12.6 is the last that PyTorch makes for them.
TURING = (7, 5)
BEFORE_TURING = "cu126"


@dataclass(frozen=True)
class Machine:
    """`platform` as sys.platform says it; `uv` is its executable, empty where there is none.

    `cuda` is the newest CUDA that the NVIDIA driver knows and `capability` the oldest GPU's, both None where they
    aren't known. `build` is what a person chose: cpu, cuda or a build's name.
    """

    platform: str
    uv: str
    nvidia: bool
    cuda: tuple[int, int] | None = None
    capability: tuple[int, int] | None = None
    amd: bool = False
    build: str = ""

    def torch_backends(self) -> tuple[str, ...]:
        """Builds to try in this order, in the words of uv's --torch-backend; `plain` is the index's own package."""
        if self.build not in ("", "cpu", "cuda"):
            return (self.build,)
        if self.platform == "darwin":
            return ("plain",)
        if self.nvidia:
            return self._cuda_backends()
        if self.amd:
            return ("auto",)
        return ("cpu",) if self.platform == "linux" else ("plain",)

    def _cuda_backends(self) -> tuple[str, ...]:
        if self.capability is not None and self.capability < TURING:
            return (BEFORE_TURING,)
        cuda = self.cuda
        if self.platform == "linux" and (cuda is None or cuda >= PLAIN_CUDA):
            return ("plain",)
        fitting = tuple(name for needs, name in CUDA_BUILDS if cuda is not None and cuda >= needs)
        return ("auto", *fitting)


def this_machine(environ: Mapping[str, str]) -> Machine:
    uv = "" if environ.get(INSTALLER_VARIABLE) == "pip" else shutil.which("uv") or ""
    build = environ.get(TORCH_VARIABLE, "")
    if build:
        return Machine(sys.platform, uv, nvidia=build == "cuda", build=build)
    nvidia = has_nvidia()
    return Machine(
        sys.platform,
        uv,
        nvidia,
        driver_cuda() if nvidia else None,
        oldest_capability() if nvidia else None,
        amd=sys.platform == "linux" and not nvidia and AMD_DRIVER.exists(),
    )


def nvidia_smi(*arguments: str) -> bytes | None:
    """What NVIDIA's own tool says; None where there is none, or it finds no GPU."""
    if not (program := shutil.which("nvidia-smi")):
        return None
    try:
        answer = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


def has_nvidia() -> bool:
    """Whether an NVIDIA GPU's driver answers."""
    return DRIVER.exists() or nvidia_smi() is not None


def driver_cuda() -> tuple[int, int] | None:
    found = CUDA_VERSION.search(nvidia_smi() or b"")
    return (int(found[1]), int(found[2])) if found else None


def oldest_capability() -> tuple[int, int] | None:
    """Of the machine's GPUs; a driver too old to tell gives None."""
    answer = (nvidia_smi("--query-gpu=compute_cap", "--format=csv,noheader") or b"").decode(
        "ascii", "replace"
    )
    found = [re.fullmatch(r"(\d+)\.(\d+)", line.strip()) for line in answer.splitlines()]
    return min(((int(match[1]), int(match[2])) for match in found if match), default=None)
