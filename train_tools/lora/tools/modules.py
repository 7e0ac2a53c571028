"""A LoRA file of any kind, read module by module: it may be as large as a base model.

Names are kohya's, whichever program wrote the file: `lora_unet_…`, `lora_te1_…`, `.lora_down.weight`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train_tools.errors import TrainToolsError
from train_tools.families.head import read_head
from train_tools.families.interface import Family, Head
from train_tools.families.lora_files import family_by_width, family_of
from train_tools.families.stable_diffusion.stored import InFile, read_tensor
from train_tools.lora.kinds.interface import Kind, Parts, Weights
from train_tools.lora.kinds.low_rank import ALPHA, DOWN, MID, UP, rank_and_alpha
from train_tools.lora.kinds.registry import KINDS, kind_of
from train_tools.lora.kinds.trained import LENGTHS
from train_tools.lora.names import OFT, UNET
from train_tools.lora.safetensors_header import read_header

CPU = torch.device("cpu")
# What other programs have before the paths of layers.
BEFORE = (
    ("base_model.model.", ""),
    ("model.diffusion_model.", f"{UNET}_"),
    ("diffusion_model.", f"{UNET}_"),
    ("transformer.", f"{UNET}_"),
    ("unet.", f"{UNET}_"),
    ("text_encoders.clip_l.transformer.", "lora_te1_"),
    ("text_encoders.clip_g.transformer.", "lora_te2_"),
    ("text_encoders.t5xxl.transformer.", "lora_te3_"),
    ("text_encoder_3.", "lora_te3_"),
    ("text_encoder_2.", "lora_te2_"),
    ("text_encoder.", "lora_te1_"),
)
# The ends of tensors' names in PEFT and diffusers, and ours.
ENDS = (
    (re.compile(r"\.lora_A(?:\.default)?\.weight$"), DOWN),
    (re.compile(r"\.lora_B(?:\.default)?\.weight$"), UP),
    (re.compile(r"\.lora_magnitude_vector(?:\.default)?(?:\.weight)?$"), LENGTHS),
    (re.compile(r"(?:\.lora|\.lora_linear_layer)\.down\.weight$"), DOWN),
    (re.compile(r"(?:\.lora|\.lora_linear_layer)\.up\.weight$"), UP),
    (re.compile(r"_lora\.down\.weight$"), DOWN),  # diffusers before 0.20: attn1.processor.to_q_lora
    (re.compile(r"_lora\.up\.weight$"), UP),
)
KOHYA_END = re.compile(
    r"\.(lora_(?:down|up|mid)\.weight|alpha|dora_scale|diff|diff_b|w_norm|b_norm|hada_\w+|lokr_\w+|on_input|"
    r"[ab][12]\.weight|oft_blocks|rescale)$"
)
POINT = re.compile(r"_(?:conv_shortcut|skip_connection)$")
KERNEL_3 = re.compile(r"_(?:conv\d?|conv_in|conv_out|in_layers_2|out_layers_3|op|input_blocks_0_0|out_2)$")


@dataclass(frozen=True)
class Module:
    """`name` is the layer's in kohya's words; `tensors` by the ends of their names."""

    name: str
    kind: Kind
    tensors: Mapping[str, InFile]
    alpha: float | None = None  # where it stands in the metadata

    @property
    def needs_weight(self) -> bool:
        """What it adds depends on the layer's own weight."""
        return self.kind.delta is None or LENGTHS in self.tensors

    @property
    def rank(self) -> int:
        """Of two factors; 0 for other kinds."""
        return self.tensors[DOWN].shape[0] if DOWN in self.tensors else 0

    @property
    def bytes(self) -> int:
        return sum(one.place.end - one.place.begin for one in self.tensors.values())

    @property
    def shapes(self) -> Parts:
        """Its tensors without their numbers, but for those that are a number."""
        return {
            end: torch.empty(one.shape, device="meta") if one.shape else read_tensor(one, torch.float32)
            for end, one in self.tensors.items()
        }

    def parts(self, device: torch.device = CPU) -> Parts:
        """All its tensors, fp32. Raises TrainToolsError where one isn't finite."""
        found = {end: read_tensor(one, torch.float32) for end, one in self.tensors.items()}
        for end, tensor in found.items():
            if not torch.isfinite(tensor).all():
                path = self.tensors[end].path
                raise TrainToolsError(
                    f"{path.name} holds numbers that aren't finite ({self.name}.{end}); choose an earlier checkpoint"
                )
        if self.alpha is not None and ALPHA not in found:
            found[ALPHA] = torch.tensor(self.alpha)
        return {end: one.to(device) if one.dim() else one for end, one in found.items()}

    def scale(self, parts: Parts) -> float:
        """Of two factors: alpha / rank."""
        rank, alpha = rank_and_alpha(parts)
        return alpha / rank

    def delta(self, parts: Parts) -> Tensor:
        """(outputs, inputs x kernel). Raises TrainToolsError where tensors are missing or don't fit each other."""
        assert self.kind.delta is not None
        try:
            return self.kind.delta(parts)
        except (KeyError, ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
            raise self.broken from error

    def changed(self, weights: Weights, parts: Parts, multiplier: float) -> Weights:
        """Raises TrainToolsError where it doesn't fit the layer."""
        try:
            return self.kind.changed(weights, parts, multiplier)
        except (KeyError, ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
            raise TrainToolsError(
                f"{self.path.name} doesn't fit this base model: {self.name} is of another size; choose the base model "
                "that it was trained on"
            ) from error

    @property
    def broken(self) -> TrainToolsError:
        return _broken(self.path, self.name)

    @property
    def path(self) -> Path:
        return next(iter(self.tensors.values())).path

    def kernel(self, inputs: int) -> tuple[int, ...]:
        """Sides of the kernel that its layer has, () for a linear layer; of `inputs` that are flattened with it.

        Some kinds don't save it: then the layer's name tells.
        """
        saved = [one.shape[2:] for end, one in self.tensors.items() if len(one.shape) > 2 and end != LENGTHS]
        if saved:
            return max(saved, key=lambda sides: functools.reduce(int.__mul__, sides, 1))
        if POINT.search(self.name):
            return 1, 1
        return (3, 3) if KERNEL_3.search(self.name) and inputs % 9 == 0 else ()


@dataclass(frozen=True)
class LoraModules:
    """A file's modules in its order, and its metadata. `family` is None where nothing tells."""

    path: Path
    modules: Mapping[str, Module]
    metadata: Mapping[str, str]
    dtype: torch.dtype
    family: Family | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(module.kind.title for module in self.modules.values()))


@dataclass
class _Found:
    tensors: dict[str, InFile] = field(default_factory=dict)


def open_lora(path: Path) -> LoraModules:
    """From its head alone. Raises TrainToolsError where it is no LoRA, damaged, or of a kind that isn't known."""
    head = read_head(path)
    if head.is_pickle:
        raise TrainToolsError(
            f"{path.name} is a pickle, which isn't opened here, as it may run code; get its safetensors file"
        )
    header = read_header(path)
    found: dict[str, _Found] = {}
    for key, place in header.tensors.items():
        name, end = named(key)
        if not end:
            raise TrainToolsError(
                f"{path.name} is no LoRA: it holds {key}; choose a file that a LoRA trainer saved"
            )
        own = found.setdefault(name, _Found()).tensors
        if end in own:
            raise TrainToolsError(
                f"{path.name} names {name}.{end} twice, in two programs' words; convert it anew"
            )
        own[end] = InFile(path, place)
    if not found:
        raise TrainToolsError(f"{path.name} holds no tensor; train or copy it again")
    alphas = _alphas_said(head.metadata)
    modules = {name: _module(path, name, one.tensors, alphas) for name, one in found.items()}
    sizes = [one for module in modules.values() for end, one in module.tensors.items() if end != ALPHA]
    dtype = max((one.dtype for one in sizes), key=lambda kind: kind.itemsize, default=torch.float32)
    return LoraModules(path, modules, dict(head.metadata), dtype, _family(head, modules))


def _module(path: Path, name: str, tensors: Mapping[str, InFile], alphas: Mapping[str, float]) -> Module:
    shapes = {end: torch.empty(one.shape, device="meta") for end, one in tensors.items()}
    kind = kind_of(shapes)
    if kind is None and any(set(shapes) < set(one.names) for one in KINDS):
        raise _broken(path, name)
    if kind is None or (strange := sorted(set(shapes) - set(kind.names))):
        what = ", ".join(sorted(shapes) if kind is None else strange)
        raise TrainToolsError(f"{path.name} is of a kind that isn't known here: {name} has {what}")
    alpha = None if ALPHA in tensors or kind.names[0] != UP else _said_for(name, alphas)
    module = Module(name, kind, _in_one_form(tensors), alpha)
    if kind.names[0] == UP and not {UP, DOWN} <= set(tensors):
        raise _broken(path, name)
    return module


def _broken(path: Path, name: str) -> TrainToolsError:
    return TrainToolsError(
        f"{path.name} isn't whole: tensors of {name} are missing or don't fit each other; train or copy it again"
    )


def _in_one_form(tensors: Mapping[str, InFile]) -> Mapping[str, InFile]:
    """PEFT's lengths of DoRA are a vector."""
    lengths = tensors.get(LENGTHS)
    if lengths is None or len(lengths.shape) != 1:
        return tensors
    place = dataclasses.replace(lengths.place, shape=(*lengths.shape, 1))
    return {**tensors, LENGTHS: dataclasses.replace(lengths, place=place)}


def named(key: str) -> tuple[str, str]:
    """A layer's name in kohya's words, and the end of a tensor's; the end is empty where that isn't a LoRA's."""
    for pattern, end in ENDS:
        if found := pattern.search(key):
            return _layer_name(key[: found.start()]), end
    if found := KOHYA_END.search(key):
        return _layer_name(key[: found.start()]), found[1]
    if key.startswith((UNET, "lora_te", OFT)):
        name, _, end = key.partition(".")
        return _layer_name(name), end
    return key, ""


def _layer_name(path: str) -> str:
    for before, ours in BEFORE:
        if path.startswith(before):
            path = ours + path.removeprefix(before)
            if ours:
                break
    path = path.replace(".processor.", ".").replace(".", "_")
    if path.endswith("_to_out") and "_attn" in path:  # diffusers before 0.20 left the number out
        path += "_0"
    if path.startswith(OFT):
        return f"{UNET}{path.removeprefix(OFT)}"
    return path


def _alphas_said(metadata: Mapping[str, str]) -> Mapping[str, float]:
    """What diffusers keeps of PEFT's settings in the metadata: alphas by part, and by layer."""
    try:
        said: Any = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except (ValueError, RecursionError):
        return {}
    found: dict[str, float] = {}
    for key, value in said.items() if isinstance(said, dict) else ():
        part, _, what = key.rpartition(".")
        if what == "lora_alpha" and _is_number(value):
            found[_layer_name(f"{part}.")] = float(value)
        elif what == "alpha_pattern" and isinstance(value, dict):
            found |= {_layer_name(f"{part}.{name}"): float(n) for name, n in value.items() if _is_number(n)}
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _said_for(name: str, alphas: Mapping[str, float]) -> float | None:
    if name in alphas:
        return alphas[name]
    return next(
        (alpha for part, alpha in alphas.items() if part.endswith("_") and name.startswith(part)), None
    )


def _family(head: Head, modules: Iterable[str]) -> Family | None:
    """By what the file says, else by its layers' names, else by how wide the texts are that they look at."""
    shapes = {".".join(named(key)): shape for key, shape in head.shapes.items()}
    return family_of(head.metadata, list(modules)) or family_by_width(shapes)


def two_factors(module: Module, parts: Parts) -> tuple[Tensor, Tensor]:
    """(outputs, rank) and (rank, inputs x kernel), before alpha / rank; Tucker's core is put into the second."""
    up, down, core = parts[UP].flatten(1), parts[DOWN].flatten(1), parts.get(MID)
    try:
        if core is not None:
            down = torch.einsum("ij...,jn->in...", core, down).flatten(1)
        if up.shape[1] != len(down):
            raise ValueError(up.shape, down.shape)
    except (RuntimeError, ValueError) as error:
        raise module.broken from error
    return up, down
