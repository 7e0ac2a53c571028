"""LoRAs merged into a base model, tensor by tensor: in memory is never more than one of its tensors.

A checkpoint file becomes a file, a diffusers folder a folder. Of any family whose layers LoRA files name.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_tools.base_model.convert import beside, refuse_existing
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.stable_diffusion.stored import Stored, read_tensor
from train_tools.lora.kinds.interface import Weights
from train_tools.workspace.files import replace, sync_folder, temporary_sibling, write_bytes

from .base import BaseFiles, Layer, Place, open_base
from .interface import Cancelled, Progress, Watch, never, silent
from .metadata import of_merged_model
from .modules import LoraModules, Module, open_lora
from .streaming import Planned, precision, refuse_output, room_for, write
from .weights import Weighted, weights_of

BIASED = frozenset({"diff_b", "b_norm"})  # tensors that change a layer's bias
COPIED = 1 << 24  # bytes at once of what isn't changed
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Merged:
    """`layers` is how many were changed. `left_out`: each LoRA's layers that the base model's files don't hold."""

    out: Path
    layers: int
    left_out: Mapping[Path, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def merge_into(
    base: Path,
    loras: Sequence[Weighted],
    out: Path,
    *,
    dtype: str | None = None,
    device: str = "cpu",
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> Merged:
    """`dtype`: fp16, bf16, fp32, or None: as the base model has it. Computed in fp32.

    Raises TrainToolsError where a file is damaged, of another family, doesn't fit or is there already, where the disk
    is too small, or where it was cancelled; nothing is left behind then.
    """
    if not loras:
        raise UsageError("there is no LoRA to merge; choose one or several")
    refuse_output(out, base, is_folder=base.is_dir())
    wanted = precision(dtype)
    opened = open_base(base)
    used = [_fitting(opened, one, open_lora(one.path)) for one in loras]
    work = _Work(opened, used, wanted, torch.device(device), Watch(progress, cancelled))
    room_for(out, work.bytes)
    metadata = of_merged_model(opened, [(one.file, one.chosen.weight) for one in used], out.stem)
    if opened.is_folder:
        _write_folder(work, out)
    else:
        if base.with_suffix(".yaml").is_file():
            refuse_existing(out)
        write(out, work.planned(base), {"format": "pt", **metadata})
        _copy_configuration(base, out)
    changed = {layer.name for one in used for layer, _ in one.at.values()}
    left_out = {one.file.path: one.left_out for one in used if one.left_out}
    notes = tuple(
        f"{path.name} changes {len(names)} layers of text encoders that {base.name} doesn't hold; they are left out"
        for path, names in left_out.items()
    )
    return Merged(out, len(changed), left_out, notes)


@dataclass(frozen=True)
class _Used:
    """A LoRA on a base model: at each layer of it, by the layer's name, its module."""

    chosen: Weighted
    file: LoraModules
    at: Mapping[str, tuple[Layer, Module]]
    weight: Callable[[str], float]
    left_out: tuple[str, ...]


def _fitting(base: BaseFiles, chosen: Weighted, file: LoraModules) -> _Used:
    if file.family is not None and file.family.name != base.family.name and not _share_layers(base, file):
        raise UsageError(
            f"{file.path.name} is a LoRA of {file.family.title}, and {base.path.name} a base model of "
            f"{base.family.title}; choose one of its own family"
        )
    at: dict[str, tuple[Layer, Module]] = {}
    left_out: list[str] = []
    for name, module in file.modules.items():
        layer = base.layers.get(name)
        if layer is not None:
            at[layer.name] = layer, module
        elif name.startswith("lora_te") and not any(one.startswith(_part(name)) for one in base.layers):
            left_out.append(name)
        else:
            raise UsageError(
                f"{file.path.name} doesn't fit {base.path.name}, which has no layer {name}; choose the base model that "
                "it was trained on, or one that was made from it"
            )
    if not at:
        raise UsageError(f"{base.path.name} has none of the layers that {file.path.name} changes")
    _check_sizes(base, at.values())
    return _Used(chosen, file, at, weights_of(chosen, base.family), tuple(left_out))


def _share_layers(base: BaseFiles, file: LoraModules) -> bool:
    """FLUX.1 and Chroma have the same, Stable Diffusion 1 and 2 in other sizes."""
    return all(name in base.layers for name in file.modules)


def _part(name: str) -> str:
    return "_".join(name.split("_")[:2]) + "_"


def _check_sizes(base: BaseFiles, modules: Iterable[tuple[Layer, Module]]) -> None:
    """With shapes alone, before anything is written."""
    for layer, module in modules:
        shape = base.shape(layer)
        weights = Weights(
            torch.empty(shape, device="meta"),
            torch.empty(shape[0], device="meta") if layer.bias else None,
        )
        module.changed(weights, module.shapes, 1.0)


class _Work:
    """All that is merged."""

    def __init__(
        self,
        base: BaseFiles,
        used: Sequence[_Used],
        dtype: torch.dtype | None,
        device: torch.device,
        watch: Watch,
    ) -> None:
        self.base, self._used, self._dtype, self._device, self._watch = base, used, dtype, device, watch
        self._done, self._of = 0, sum(map(_size, base.tensors.values()))

    @property
    def bytes(self) -> int:
        """That will be written."""
        tensors = [(self._written(one), one.shape) for one in self.base.tensors.values()]
        return sum(dtype.itemsize * math.prod(shape) for dtype, shape in tensors)

    def planned(self, file: Path) -> list[Planned]:
        """The tensors of one of the base model's files, in the order in which they lie there."""
        found = [(self.base.tensors[key], key, name) for key, name in self.base.files[file].items()]
        return [
            Planned(name, self._written(stored), stored.shape, lambda key=key: self._made(key))  # type: ignore[misc]
            for stored, key, name in sorted(found, key=lambda one: one[0].at)
        ]

    def _written(self, stored: Stored) -> torch.dtype:
        return self._dtype if self._dtype and stored.dtype.is_floating_point else stored.dtype

    def _made(self, key: str) -> Tensor:
        stored = self.base.tensors[key]
        self._watch.step(self._done, self._of, key)
        self._done += _size(stored)
        if not any(layer.name in one.at for one in self._used for layer in self.base.by_key.get(key, ())):
            return read_tensor(stored, self._written(stored))
        tensor = read_tensor(stored, torch.float32).to(self._device)
        for one in self._used:
            for layer in self.base.by_key[key]:
                if layer.name in one.at and (weight := one.weight(layer.name)):
                    self._change(key, tensor, layer, one.at[layer.name][1], weight)
        if not torch.isfinite(made := tensor.to("cpu", self._written(stored))).all():
            raise TrainToolsError(
                f"{key} would hold numbers that are too large for {_short(made.dtype)}; write it in bf16 or fp32, or "
                "with smaller weights"
            )
        return made

    def _change(self, key: str, tensor: Tensor, layer: Layer, module: Module, weight: float) -> None:
        """In place. Other tensors that the layer consists of are read as they are."""
        is_bias = all(place.key != key for place in layer.weight)
        if is_bias and not (BIASED & set(module.tensors) or module.kind.title == "BOFT"):
            return
        parts = module.parts(self._device)
        own = Weights(
            self._gathered(layer.weight, key, tensor),
            self._gathered(layer.bias, key, tensor) if layer.bias else None,
        )
        changed = module.changed(own, parts, weight)
        places, values = (layer.bias, changed.bias) if is_bias else (layer.weight, changed.weight)
        assert values is not None
        row = 0
        for place in places:
            if place.key == key:
                target = place.of(tensor)
                target.copy_(values[row : row + len(target)])
                row += len(target)
            else:
                row += self._rows(place)

    def _gathered(self, places: Sequence[Place], key: str, tensor: Tensor) -> Tensor:
        parts = [
            place.of(tensor) if place.key == key else self.base.read([place], self._device)
            for place in places
        ]
        return parts[0].clone() if len(parts) == 1 else torch.cat(parts)

    def _rows(self, place: Place) -> int:
        return len(place.of(torch.empty(self.base.tensors[place.key].shape, device="meta")))


def _size(stored: Stored) -> int:
    return stored.dtype.itemsize * math.prod(stored.shape)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _copy_configuration(base: Path, out: Path) -> None:
    """The webui's `.yaml` beside a checkpoint, and the text encoder's folder that it names, belong to the new one, too:
    they tell sizes that no tensor tells.
    """
    (yaml, text), (new_yaml, new_text) = beside(base), beside(out)
    if not yaml.is_file():
        return
    content = yaml.read_text(encoding="utf-8", errors="surrogateescape")
    if text.is_dir():
        shutil.copytree(text, new_text)
        content = content.replace(str(text.absolute()), str(new_text.absolute())).replace(
            text.name, new_text.name
        )
    write_bytes(new_yaml, content.encode("utf-8", errors="surrogateescape"))


def _write_folder(work: _Work, out: Path) -> None:
    """Beside the files with changed weights all others are copied; it gets its name when it is whole."""
    base = work.base.path
    room_for(out, work.bytes + sum(file.stat().st_size for file in _others(work.base)))
    temporary = temporary_sibling(out)
    try:
        for file in _others(work.base):
            target = temporary / file.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        for file in work.base.files:
            name = file.name.removeprefix("pytorch_") if file.suffix == ".bin" else file.name
            target = (temporary / file.relative_to(base)).with_name(name).with_suffix(".safetensors")
            write(target, work.planned(file), {"format": "pt"})
        refuse_output(out, is_folder=True)
        sync_folder(temporary)
        replace(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _others(opened: BaseFiles) -> Iterator[Path]:
    """All that isn't written anew, without other variants and formats of the same weights."""
    base, weights = opened.path, {file.parent for file in opened.files}
    for file in sorted(base.rglob("*")):
        is_weight = file.parent in weights and (
            file.suffix in (".safetensors", ".bin", ".ckpt") or file.name.endswith(".bin.index.json")
        )
        if file.is_file() and not is_weight and ".git" not in file.relative_to(base).parts:
            yield file
