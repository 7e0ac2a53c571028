"""A base model's files as LoRA files see them: the weights by the names of their layers, none of them loaded.

A layer's weight may be a part of a tensor, as OpenCLIP's q, k and v lie in one, or lie in several.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.detect import detect
from train_tools.families.folder import read_folder
from train_tools.families.head import read_head
from train_tools.families.interface import Family, Found, Shape
from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import sizes
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.building import text_model
from train_tools.families.stable_diffusion.checkpoint import origins_of
from train_tools.families.stable_diffusion.encoders import INNER, Origin
from train_tools.families.stable_diffusion.stored import Stored, read_tensor, shapes_of, stored_in
from train_tools.lora.names import TEXT, UNET
from train_tools.lora.targets import layer_name

WEIGHT, BIAS = ".weight", ".bias"
# What stands before a transformer's layers in the files of families that have one.
TRANSFORMER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "net.")
# Text encoders inside such files: what stands before their layers, and what LoRA files call them.
TEXT_PREFIXES = (
    ("text_encoders.clip_l.transformer.", "lora_te1"),
    ("text_encoders.clip_g.transformer.", "lora_te2"),
    ("text_encoders.t5xxl.transformer.", "lora_te3"),
)
TEXT_PARTS = ("text_encoder", "text_encoder_2", "text_encoder_3")


@dataclass(frozen=True)
class Place:
    """Where a weight, or a part of it, lies. `rows` are those of the tensor, None: all of it; (from, to)."""

    key: str
    rows: tuple[int, int] | None = None
    is_transposed: bool = False

    def of(self, tensor: Tensor) -> Tensor:
        """Its numbers in the whole tensor, as a view."""
        part = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        return part.T if self.is_transposed else part


@dataclass(frozen=True)
class Layer:
    """`name` is the one of the family's LoRA files. Of several places each holds some outputs, one below another."""

    name: str
    weight: tuple[Place, ...]
    bias: tuple[Place, ...] = ()


@dataclass(frozen=True)
class BaseFiles:
    """`files`: each file with weights -> the keys of its tensors, with the names that they have there. A key is the
    name itself or, of a folder, with the part before it. `layers` by all the names that LoRA files have for them.
    """

    path: Path
    found: Found
    family: Family
    metadata: Mapping[str, str]
    files: Mapping[Path, Mapping[str, str]]
    tensors: Mapping[str, Stored]
    layers: Mapping[str, Layer]

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    @functools.cached_property
    def by_key(self) -> Mapping[str, tuple[Layer, ...]]:
        """The layers whose weight or bias lies in a tensor."""
        result: dict[str, dict[str, Layer]] = {}
        for layer in self.layers.values():
            for place in (*layer.weight, *layer.bias):
                result.setdefault(place.key, {})[layer.name] = layer
        return {key: tuple(layers.values()) for key, layers in result.items()}

    def shape(self, layer: Layer) -> Shape:
        """Of its weight."""
        shapes = [tuple(place.of(self._empty(place.key)).shape) for place in layer.weight]
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def _empty(self, key: str) -> Tensor:
        return torch.empty(self.tensors[key].shape, device="meta")

    def read(self, places: Sequence[Place], device: torch.device) -> Tensor:
        """What lies there, one below another, fp32."""
        parts = [place.of(read_tensor(self.tensors[place.key], torch.float32)).to(device) for place in places]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def open_base(path: Path) -> BaseFiles:
    """From its heads alone. Raises TrainToolsError where it is no base model, damaged, quantised, or of a family whose
    layers nobody here knows.
    """
    if not path.exists():
        raise UsageError(f"the base model {path} is missing; choose a checkpoint file or a diffusers folder")
    found = detect(path)
    family = found.family
    if family is None:
        fault = found.fault
        if fault is None:
            raise UsageError(f"the base model {path} is of no family that is known here; choose another one")
        raise UsageError(f"the base model {path} is {fault.what}; {fault.instead}")
    if path.is_dir():
        return _of_folder(path, found, family)
    tensors = stored_in(path)
    head = read_head(path)
    shapes = shapes_of(tensors)
    if family.name in KINDS:
        origins = _checkpoint_origins(KINDS[family.name], path, shapes)
        layers = _of_origins(family, origins)
    else:
        layers = _of_transformer(shapes)
    return _with_layers(
        path, found, family, layers, metadata=head.metadata, files={path: {name: name for name in tensors}},
        tensors=tensors,
    )  # fmt: skip


def _with_layers(
    path: Path, found: Found, family: Family, layers: Mapping[str, Layer], **rest: object
) -> BaseFiles:
    if not layers:
        raise TrainToolsError(f"the base model {path} has no layer that a LoRA of {family.title} changes")
    return BaseFiles(path, found, family, layers=layers, **rest)  # type: ignore[arg-type]


# --- families with a UNet -------------------------------------------------------------------------------------------

# Of one part of a model: the name of its tensors in diffusers -> where it lies.
Origins = Mapping[str, Place]


@dataclass(frozen=True)
class _Parts:
    unet: Origins = field(default_factory=dict)
    texts: tuple[Origins, ...] = ()


def _checkpoint_origins(kind: type[BaseModel], path: Path, shapes: Mapping[str, Shape]) -> _Parts:
    """Parts that the file lacks are left out."""
    heads, text_heads = sizes.heads_beside(path)
    modules: list[nn.Module] = []
    with torch.device("meta"):
        try:
            modules.append(_unet(sizes.unet_sizes(shapes, heads or kind.heads, kind.head_width)))
        except (KeyError, StopIteration):
            modules.append(nn.Module())
        modules.append(nn.Module())  # the VAE, which no LoRA changes
        for encoder in kind.encoders:
            try:
                modules.append(text_model(encoder, encoder.config(shapes, text_heads)))
            except KeyError:
                modules.append(nn.Module())
    found = [_placed(origins, shapes) for origins in origins_of(kind, modules)]
    return _Parts(found[0], tuple(found[2:]))


def _unet(config: Mapping[str, object]) -> nn.Module:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**config)  # type: ignore[arg-type]


def _placed(origins: Mapping[str, Sequence[Origin]], shapes: Mapping[str, Shape]) -> dict[str, Place]:
    found = {}
    for name, places in origins.items():
        place = next((one for one in places if one.name in shapes), None)
        if place is None:
            continue
        rows = None
        if place.third is not None:
            size = shapes[place.name][0] // 3
            rows = (place.third * size, (place.third + 1) * size)
        found[name] = Place(place.name, rows, place.is_transposed)
    return found


def _of_origins(family: Family, parts: _Parts) -> dict[str, Layer]:
    """By the family's names, and the UNet's in diffusers; the text encoders' under the name of a single one, too."""
    found: dict[str, Layer] = {}
    own = family.network.names
    alone = len(parts.texts) == 1
    for prefix, origins in zip(own.text, parts.texts, strict=False):
        for path, layer in _layers(origins, functools.partial(_text_name, prefix)):
            # networks.dylora calls the layers of all encoders so, and the last one's are what it saves.
            found[_text_name(TEXT, path)] = found[layer.name] = layer
            if alone:
                found[_text_name(f"{TEXT}1", path)] = layer
    paths = [name.removesuffix(WEIGHT) for name in parts.unet if name.endswith(WEIGHT)]
    in_files = own.unet(paths)
    for path, layer in _layers(parts.unet, lambda path: layer_name(UNET, in_files[path])):
        found[layer_name(UNET, path)] = found[layer.name] = layer
    return found


def _text_name(prefix: str, path: str) -> str:
    """transformers 5 leaves `text_model.` out of its paths, the names in LoRA files keep it."""
    return layer_name(prefix, path if path.startswith((INNER, "text_projection")) else INNER + path)


def _layers(origins: Origins, name_of: Callable[[str], str]) -> Iterator[tuple[str, Layer]]:
    """Each with its path in diffusers."""
    for name, place in origins.items():
        path = name.removesuffix(WEIGHT)
        if path == name or "embedding" in path.rpartition(".")[2]:
            continue
        bias = origins.get(path + BIAS)
        yield path, Layer(name_of(path), (place,), (bias,) if bias else ())


# --- families with a transformer ------------------------------------------------------------------------------------


def _of_transformer(shapes: Mapping[str, Shape]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    for key in shapes:
        path = key.removesuffix(WEIGHT)
        if path == key:
            continue
        prefix, inner = _part_of(path)
        bias = path + BIAS
        layer = Layer(layer_name(prefix, inner), (Place(key),), (Place(bias),) if bias in shapes else ())
        found[layer.name] = layer
    return found


def _part_of(path: str) -> tuple[str, str]:
    for before, prefix in TEXT_PREFIXES:
        if path.startswith(before):
            return prefix, path.removeprefix(before)
    before = next((one for one in TRANSFORMER_PREFIXES if path.startswith(one)), "")
    return UNET, path.removeprefix(before)


# --- folders --------------------------------------------------------------------------------------------------------


def _of_folder(path: Path, found: Found, family: Family) -> BaseFiles:
    folder = read_folder(path)
    if folder.faults:
        raise UsageError(f"the base model {path} is damaged ({folder.faults[0]}); download the folder again")
    files: dict[Path, dict[str, str]] = {}
    tensors: dict[str, Stored] = {}
    by_part: dict[str, dict[str, Place]] = {}
    for part, weights in folder.weights.items():
        if part != folder.main and part not in TEXT_PARTS:
            continue
        for file in weights:
            stored = stored_in(file)
            files[file] = {f"{part}/{name}": name for name in stored}
            tensors |= {f"{part}/{name}": one for name, one in stored.items()}
            by_part.setdefault(part, {}).update({name: Place(f"{part}/{name}") for name in stored})
    texts = tuple(by_part.get(part, {}) for part in TEXT_PARTS[: max(1, family.network.text_encoders)])
    if family.name in KINDS:
        layers = _of_origins(family, _Parts(by_part.get(folder.main, {}), texts))
    else:
        layers = _of_parts(by_part, folder.main)
    return _with_layers(path, found, family, layers, metadata={}, files=files, tensors=tensors)


def _of_parts(by_part: Mapping[str, Origins], main: str) -> dict[str, Layer]:
    """Of a transformer in diffusers' names."""
    prefixes = {main: UNET, **{part: f"{TEXT}{number}" for number, part in enumerate(TEXT_PARTS, 1)}}
    found: dict[str, Layer] = {}
    for part, origins in by_part.items():
        prefix = prefixes[part]
        for _, layer in _layers(origins, functools.partial(layer_name, prefix)):
            found[layer.name] = layer
    return found
