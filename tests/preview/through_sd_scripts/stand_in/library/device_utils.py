from __future__ import annotations

import os

import torch


def init_ipex() -> None:
    """Prints to where answers would be, as much of sd-scripts does."""
    print("Failed to initialize ipex")
    os.write(1, b'{"cell": 0, "error": "said by a library"}\n')


def get_preferred_device() -> torch.device:
    return torch.device("cpu")
