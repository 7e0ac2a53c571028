"""How much disk the training environment will take, before it is made."""

from __future__ import annotations

from train_tools.environment.machine import Machine

# Gigabytes as they lay on a disk: torch 2.13 with what it depends on, and all other packages of run.lock.
OTHERS, SD_SCRIPTS = 1.1, 1.3
CPU, CUDA_13, CUDA_12, ROCM, XPU = 0.8, 4.5, 6.5, 15.0, 5.0


def disk_gigabytes(machine: Machine) -> float:
    """Of what will be installed on this machine, without sd-scripts."""
    return round(OTHERS + _torch(machine), 1)


def sd_scripts_gigabytes(machine: Machine) -> float:
    """Of sd-scripts beside it, which brings a torch of its own."""
    return round(SD_SCRIPTS + _torch(machine), 1)


def _torch(machine: Machine) -> float:
    backend = machine.torch_backends()[0]
    if backend.startswith("cu"):
        return CUDA_13 if backend.startswith("cu13") else CUDA_12
    if backend.startswith("rocm") or (backend == "auto" and machine.amd):
        return ROCM
    if backend == "auto":  # NVIDIA: uv chooses by the driver
        return CUDA_13 if machine.cuda is None or machine.cuda >= (13, 0) else CUDA_12
    if backend == "xpu":
        return XPU
    # The index's own package is the CUDA build on Linux, and the CPU build elsewhere.
    return CUDA_13 if backend == "plain" and machine.platform == "linux" else CPU
