"""Safetensors files written tensor by tensor, whole or not at all, and never over another file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_tools.errors import UsageError
from train_tools.families.interface import Shape
from train_tools.families.stable_diffusion.stored import DTYPES
from train_tools.workspace.files import write_pieces
from train_tools.workspace.tree import check_room

DTYPE_NAMES: Mapping[torch.dtype, str] = {dtype: name for name, dtype in DTYPES.items()}
PRECISIONS: Mapping[str, torch.dtype] = {
    "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32
}  # fmt: skip
ENDING = ".safetensors"
ALIGNMENT = 8
LEGACY = slice(0x100000, 0x110000)  # bytes of a file by which old webuis know it


@dataclass(frozen=True)
class Planned:
    """A tensor that will be written. `make` gives it when its turn comes, on the CPU in its precision."""

    name: str
    dtype: torch.dtype
    shape: Shape
    make: Callable[[], Tensor]

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def precision(name: str | None) -> torch.dtype | None:
    """None: as the file has it. Raises UsageError."""
    if not name:
        return None
    if name not in PRECISIONS:
        raise UsageError(f"there is no precision {name}; choose fp16, bf16 or fp32")
    return PRECISIONS[name]


def refuse_output(out: Path, *inputs: Path, is_folder: bool = False) -> None:
    """Raises UsageError where something is there, or the name isn't that of such a file."""
    if not is_folder and out.suffix != ENDING:
        raise UsageError(f"the new file is a safetensors file: let {out.name} end in .safetensors")
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} is there already; choose another name")
    if is_folder and any(out.absolute().is_relative_to(one.absolute()) for one in inputs):
        raise UsageError(f"{out} would lie in the folder that it is made from; choose a place beside it")


def room_for(out: Path, needed: int) -> None:
    """Raises UsageError where the disk on which `out` will lie hasn't so many bytes."""
    folder = next((one for one in out.absolute().parents if one.is_dir()), Path(out.anchor or "."))
    check_room(folder, needed, out.name)


def head(tensors: Sequence[Planned], metadata: Mapping[str, str]) -> bytes:
    """What the file begins with."""
    content: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for one in tensors:
        begin, end = end, end + one.bytes
        entry = {"dtype": DTYPE_NAMES[one.dtype], "shape": list(one.shape), "data_offsets": [begin, end]}
        content[one.name] = entry
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def write_lora(out: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """With both model hashes, as `kohya.write` has them, without a copy of the whole in memory."""
    planned = [
        Planned(name, tensor.dtype, tuple(tensor.shape), lambda tensor=tensor: tensor)  # type: ignore[misc]
        for name, tensor in sorted(tensors.items())
    ]
    room_for(out, sum(one.bytes for one in planned))
    write(out, planned, {**metadata, **_hashes(planned, metadata)})


def _hashes(tensors: Sequence[Planned], metadata: Mapping[str, str]) -> dict[str, str]:
    """The latter is over 64 KiB of the file as it would be with the `ss_*` metadata alone."""
    start = head(tensors, {name: value for name, value in metadata.items() if name.startswith("ss_")})
    whole, legacy = hashlib.sha256(), hashlib.sha256(start[LEGACY])
    at = len(start)
    for one in tensors:
        content = _bytes(one.make())
        whole.update(content)
        legacy.update(content[max(0, LEGACY.start - at) : max(0, LEGACY.stop - at)])
        at += len(content)
    return {"sshs_model_hash": whole.hexdigest(), "sshs_legacy_hash": legacy.hexdigest()[:8]}


def _bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.contiguous().view(-1).view(torch.uint8).numpy())


def write(out: Path, tensors: Sequence[Planned], metadata: Mapping[str, str]) -> None:
    """Raises UsageError where there is such a file by now; whatever `make` raises leaves nothing behind."""
    write_pieces(out, _pieces(out, tensors, metadata))


def _pieces(
    out: Path, tensors: Sequence[Planned], metadata: Mapping[str, str]
) -> Iterator[bytes | memoryview]:
    yield head(tensors, metadata)
    for one in tensors:
        tensor = one.make()
        assert tensor.dtype == one.dtype and tuple(tensor.shape) == tuple(one.shape), one.name
        yield _bytes(tensor)
    refuse_output(out)
