"""LoRA files as sd-scripts writes them: `<module>.lora_down.weight`, `.lora_up.weight`, `.alpha`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import write_bytes

from .stack import LoraStack
from .targets import Target


@dataclass(frozen=True)
class LoraFile:
    """A LoRA on disk: its tensors (fp32) by name, and its metadata."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    @property
    def modules(self) -> dict[str, tuple[Tensor, Tensor, float]]:
        """`down` (r, in), `up` (out, r) and alpha of each module."""
        found = {}
        for name in sorted({key.split(".", 1)[0] for key in self.tensors}):
            down, up = (
                self.tensors.get(f"{name}.lora_down.weight"),
                self.tensors.get(f"{name}.lora_up.weight"),
            )
            if down is None or up is None or down.numel() != down.shape[0] * down.shape[1]:
                raise TrainToolsError(
                    f"{self.path.name}: {name} is no plain LoRA module; only networks.lora is read "
                    "without a webui (renderer=host)"
                )
            alpha = self.tensors.get(f"{name}.alpha")
            found[name] = (
                down.flatten(1),
                up.flatten(1),
                float(alpha) if alpha is not None else float(len(down)),
            )
        return found


def read(path: Path) -> LoraFile:
    """Raises TrainToolsError where the file is missing or damaged."""
    try:
        with safe_open(path, "pt") as file:
            # Copied, so that the file isn't kept mapped: it may be replaced or moved meanwhile.
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            return LoraFile(path, tensors, dict(file.metadata() or {}))
    except (OSError, SafetensorError) as error:
        raise TrainToolsError(f"the LoRA {path} can't be read ({error}); train or copy it again") from error


def tensors_of(stack: LoraStack, index: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """One LoRA of the stack under kohya's names, without the padding."""
    rank = stack.ranks[index]
    state: dict[str, Tensor] = {}
    for delta in stack.deltas:
        down, up = delta.down[index, :rank].detach(), delta.up[index, :, :rank].detach()
        if isinstance(delta.target.layer, nn.Conv2d):
            down, up = down[..., None, None], up[..., None, None]
        name = delta.target.name
        state[f"{name}.alpha"] = torch.tensor(stack.alphas[index], dtype=dtype)
        state[f"{name}.lora_down.weight"] = down.to("cpu", dtype, copy=True).contiguous()
        state[f"{name}.lora_up.weight"] = up.to("cpu", dtype, copy=True).contiguous()
    return state


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes the file whole or not at all, with both model hashes as sd-scripts computes them."""
    hashes = model_hashes(tensors, {k: v for k, v in metadata.items() if k.startswith("ss_")})
    write_bytes(path, serialise(dict(tensors), {**metadata, **hashes}))


def model_hashes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """`sshs_model_hash` (of all behind the header) and `sshs_legacy_hash`, by which the webui knows a LoRA."""
    content = serialise(dict(tensors), dict(metadata))
    header = int.from_bytes(content[:8], "little")
    legacy = hashlib.sha256(content[0x100000 : 0x100000 + 0x10000]).hexdigest()[:8]
    return {"sshs_model_hash": hashlib.sha256(content[header + 8 :]).hexdigest(), "sshs_legacy_hash": legacy}


def stack_files(stack: LoraStack, files: list[LoraFile]) -> None:
    """Copies the files' factors into a stack made with their ranks and alphas; a module that a file lacks stays zero.

    Raises TrainToolsError where a file doesn't fit the base model.
    """
    known = {d.target.name: d for d in stack.deltas}
    for index, file in enumerate(files):
        check_fits(file, [d.target for d in stack.deltas])
        for name, (down, up, _) in file.modules.items():
            delta = known[name]
            delta.down[index, : len(down)] = down.to(delta.down)
            delta.up[index, :, : up.shape[1]] = up.to(delta.up)


def check_fits(file: LoraFile, targets: Sequence[Target]) -> None:
    """Raises TrainToolsError where it holds modules that the base model doesn't have, or of another size."""
    known = {target.name: target for target in targets}
    for name, (down, up, _) in file.modules.items():
        target = known.get(name)
        if target is None or down.shape[1] != target.in_features or len(up) != target.out_features:
            raise TrainToolsError(
                f"{file.path.name} doesn't fit this base model: {name} is unknown or of another size"
            )


def rank_and_alpha(file: LoraFile) -> tuple[int, float]:
    """The rank and alpha that all modules of the file share.

    Raises TrainToolsError where they differ between modules.
    """
    found = {(len(down), alpha) for down, _, alpha in file.modules.values()}
    if len(found) != 1:
        raise TrainToolsError(
            f"{file.path.name} has modules of differing rank or alpha, which can't be rendered "
            "without a webui (renderer=host)"
        )
    return found.pop()
