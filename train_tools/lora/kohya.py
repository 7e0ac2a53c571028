"""LoRA files as sd-scripts writes them: `<module>.<tensor>`, as `.lora_down.weight`, `.lora_up.weight` and `.alpha`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import write_bytes

from .kinds.trained import SCALAR
from .stack import LoraStack


@dataclass(frozen=True)
class LoraFile:
    """A LoRA on disk, of whatever kind: its tensors (fp32, or as they are stored) by name, and its metadata."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    @property
    def modules(self) -> dict[str, dict[str, Tensor]]:
        """Each module's tensors by the end of their names."""
        found: dict[str, dict[str, Tensor]] = {}
        for key in sorted(self.tensors):
            name, _, end = key.partition(".")
            found.setdefault(name, {})[end] = self.tensors[key]
        return found


def read(path: Path, as_stored: bool = False) -> LoraFile:
    """In fp32, or in the file's own precision, as it may be as large as a base model.

    Raises TrainToolsError where the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            # Copied, so that the file isn't kept mapped: it may be replaced or moved meanwhile.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
            if not as_stored:
                tensors = {key: tensor.float() for key, tensor in tensors.items()}
            return LoraFile(path, tensors, dict(file.metadata() or {}))
    except (OSError, SafetensorError) as error:
        raise TrainToolsError(f"the LoRA {path} can't be read ({error}); train or copy it again") from error


def tensors_of(stack: LoraStack, index: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """One LoRA of the stack under kohya's names, without the padding."""
    state: dict[str, Tensor] = {}
    for delta in stack.deltas:
        if not (rank := delta.ranks[index]):
            continue
        name, form = delta.target.name, delta.form
        if form.beside is None:
            state[f"{name}.alpha"] = torch.tensor(delta.alphas[index], dtype=dtype)
        for factor in form.factors:
            if factor.name == SCALAR:
                continue
            values = delta.own(index, factor).detach()
            if factor.name == form.scalar_in:
                values = values * delta.factors[SCALAR][index].detach()
            saved = values.reshape(factor.saved_shape(rank))
            state[f"{name}.{factor.name}"] = saved.to("cpu", dtype, copy=True).contiguous()
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
