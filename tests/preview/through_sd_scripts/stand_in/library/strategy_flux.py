"""A stand-in for sd-scripts' `strategy_flux` (48d368fa). What a prompt says may go wrong does."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import torch


class FluxTokenizeStrategy:
    def __init__(self, longest: int, folder: str | None) -> None:
        self.longest = longest

    def tokenize(self, text: str) -> list[torch.Tensor]:
        print(f"tokenized: {text}", flush=True)
        if "ends from outside" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "misses a package" in text:
            raise ModuleNotFoundError("No module named 'sentencepiece'")
        return [torch.tensor([float(sum(map(ord, text)) % 97) / 97])]


class FluxTextEncodingStrategy:
    def __init__(self, masked: bool) -> None:
        self.masked = masked

    def encode_tokens(
        self, strategy: Any, encoders: list[Any], tokens: list[torch.Tensor], masked: bool
    ) -> list[torch.Tensor]:
        print("\rencoding: 100%|██| 1/1", end="", file=sys.stderr)
        hidden = encoders[0].layer(tokens[0].expand(1, 4))
        return [hidden, hidden[None], torch.zeros(1, 1, 3), torch.ones(1, 1)]
