"""From a file's or folder's head: which family it is, what is missing or damaged, or what else it is."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

from train_tools.families.folder import (
    AGAIN,
    INDEX,
    MODELS,
    SCHEDULER,
    TOKENIZERS,
    Folder,
    not_a_folder,
    read_folder,
)
from train_tools.families.foreign import ADAPTERS, PARTS, QUANTISED, UNET_ALONE, WHOLE, Kind, other_channels
from train_tools.families.head import NoModelError, read_head
from train_tools.families.interface import Family, Fault, Found, Head, Prediction, Shape, is_marked
from train_tools.families.known import KNOWN
from train_tools.families.registry import BY_NAME, FAMILIES

UNKNOWN = Fault(
    "unknown", "of no family that is known here",
    "choose another; if you know what it is, say so with the setting family",
)  # fmt: skip
NOT_THERE = Found(fault=Fault("damaged", "not there", "choose a file that is"))
PREDICTIONS: Mapping[str, Prediction] = {
    "v": "v", "v_prediction": "v", "epsilon": "epsilon", "eps": "epsilon",
}  # fmt: skip
THREE_SHARDS = tuple(f"diffusion_pytorch_model-0000{number}-of-00003.safetensors" for number in (1, 2, 3))
# What a webui's `.yaml` beside a checkpoint says of a model that predicts velocity.
VELOCITY_IN_YAML = ('parameterization: "v"', "parameterization: 'v'", "parameterization: v\n")
EDM = "EDM"  # a noise that no trainer here knows; its schedulers' names begin so
# Objects beside the tensors that sd-scripts and our own loader know how to pass over.
KNOWN_CODE = ("pytorch_lightning.", "lightning.", "numpy.", "_codecs.encode")


def detect(path: Path) -> Found:
    """Of a checkpoint file or a diffusers folder; looked at once for each change of it."""
    return _detect(str(path), _changed(path)) if path.name else NOT_THERE


@functools.lru_cache(maxsize=1024)  # a chooser of models looks at all that there are
def _detect(path: str, _changed: tuple[int, ...]) -> Found:
    return _of_folder(Path(path)) if Path(path).is_dir() else _of_file(Path(path))


def _changed(path: Path) -> tuple[int, ...]:
    """Times and sizes of all that is looked at: a folder's own time doesn't change with its files'."""
    try:
        files = [path, *_looked_at(path)] if path.is_dir() else [path, path.with_suffix(".yaml")]
        states = [file.stat() for file in files if file.exists()]
    except OSError:
        return ()
    return tuple(number for state in states for number in (state.st_mtime_ns, state.st_size))


def _looked_at(folder: Path) -> Iterator[Path]:
    """The files of a diffusers folder's parts; not all that may lie in a folder that somebody chose."""
    yield folder / INDEX
    for part in (*MODELS, *TOKENIZERS, SCHEDULER):
        yield folder / part  # its time changes with the names in it
        yield from sorted((folder / part).glob("*"))


def told(found: Found, name: str) -> Found:
    """What is found where a person says the family: it is believed, but for files that can't be read."""
    if not name or (found.fault is not None and found.fault.kind == "damaged"):
        return found
    if found.family is not None and found.family.name == name:
        return dataclasses.replace(found, fault=None)  # what it lacks, it still lacks
    return dataclasses.replace(found, family=BY_NAME[name], version="", missing=(), fault=None)


def shapes_of(found: Found) -> dict[str, Shape]:
    """The shapes of all tensors in its files. Raises NoModelError."""
    shapes: dict[str, Shape] = {}
    for file in found.files:
        shapes.update(read_head(file).shapes)
    return shapes


def _of_file(path: Path) -> Found:
    if not path.is_file():
        return NOT_THERE
    try:
        head = read_head(path)
    except NoModelError as error:
        return Found(fault=error.fault)
    found = Found(
        files=(path,),
        prediction=_prediction(path, head),
        zero_snr=head.has("^ztsnr$"),
    )
    if not head.shapes:
        return dataclasses.replace(
            found, fault=Fault("damaged", "without a single tensor", "choose another file")
        )
    if fault := _not_ours(head) or _code_fault(head) or _ending_fault(path, head):
        return dataclasses.replace(found, fault=fault)
    family = next((one for one in reversed(FAMILIES) if is_marked(one.marks, head)), None)
    if family is None:
        return dataclasses.replace(found, fault=_first(PARTS, head) or UNKNOWN)
    found = dataclasses.replace(found, family=family, version=family.version(head))
    if head.is_pickle and not family.takes_pickles:
        fault = Fault(
            "foreign", f"a pickle, and sd-scripts trains {family.title} from a safetensors file", "get that file"
        )  # fmt: skip
        return dataclasses.replace(found, fault=fault)
    return _with_parts(found, family, head)


def _not_ours(head: Head) -> Fault | None:
    """An adapter, quantised, or of a family that is trained elsewhere."""
    known = next((one.fault for one in KNOWN if is_marked(one.marks, head)), None)
    return _first(ADAPTERS, head) or _first(QUANTISED, head) or known


def _first(kinds: tuple[Kind, ...], head: Head) -> Fault | None:
    return next((kind.fault for kind in kinds if is_marked(kind.marks, head)), None)


def _code_fault(head: Head) -> Fault | None:
    strange = [name for name in head.code if not name.startswith(KNOWN_CODE)]
    if not strange:
        return None
    return Fault(
        "foreign", f"a pickle that would run Python code of its own when it is loaded ({strange[0]})",
        "get the safetensors file",
    )  # fmt: skip


def _ending_fault(path: Path, head: Head) -> Fault | None:
    """Whoever trains goes by the name's ending."""
    if head.is_pickle and path.suffix.lower() == ".safetensors":
        return Fault("foreign", "a pickle that is called .safetensors", "rename it to .ckpt")
    if not head.is_pickle and path.suffix.lower() != ".safetensors":
        return Fault(
            "foreign", f"a safetensors file that is called {path.suffix}", "rename it to .safetensors"
        )
    return None


def _with_parts(found: Found, family: Family, head: Head) -> Found:
    """Which parts the file lacks, and whether its first layer is that of a model for drawing."""
    if fault := _channel_fault(family, head) or _name_fault(family, head):
        return dataclasses.replace(found, fault=fault)
    missing = tuple(part for part in family.parts if not any(map(head.has, part.marks)))
    needed = [part for part in missing if not part.argument]
    if needed and len(missing) == len(family.parts):
        return dataclasses.replace(found, fault=UNET_ALONE)
    if needed:
        lacking = Fault("foreign", f"a checkpoint without its {needed[0].name}", WHOLE)
        return dataclasses.replace(found, fault=lacking)
    return dataclasses.replace(found, missing=missing)


def _channel_fault(family: Family, head: Head) -> Fault | None:
    for end, count in family.channels:
        if others := head.sides(end, 1) - {count}:
            return other_channels(min(others))
    return None


def _name_fault(family: Family, head: Head) -> Fault | None:
    pieces = [piece for mark in family.marks for piece in mark.has]
    named = [name.partition(piece)[0] for name in head.shapes for piece in pieces if piece in name]
    if not family.prefixes or set(named) & set(family.prefixes):
        return None
    return Fault(
        "foreign", f"a model of {family.title} in names that sd-scripts doesn't read ({named[0] or pieces[0]} …)",
        "get the file that sd-scripts' guide for it names",
    )  # fmt: skip


def _prediction(path: Path, head: Head) -> Prediction:
    """As the file says it: NoobAI by a tensor, others by Stability AI's metadata or the webui's `.yaml`."""
    if head.has("^v_pred$"):
        return "v"
    said = PREDICTIONS.get(head.metadata.get("modelspec.prediction_type", "").lower(), "")
    if said:
        return said
    try:
        text = path.with_suffix(".yaml").read_text(encoding="utf-8", errors="replace") + "\n"
    except OSError:
        return ""
    return "v" if any(one in text for one in VELOCITY_IN_YAML) else ""


def _of_folder(path: Path) -> Found:
    try:
        folder = read_folder(path)
        if not (path / INDEX).is_file() and not folder.main:
            return Found(fault=not_a_folder(path))
    except OSError as error:
        return Found(
            fault=Fault("damaged", f"not to be read ({error.strerror})", "look at its rights and its disk")
        )
    found = Found(
        files=tuple(_files(folder)),
        variant=folder.variant,
        prediction=PREDICTIONS.get(folder.prediction.lower(), ""),
        zero_snr=folder.zero_snr,
    )
    if fault := _of_class(folder):
        return dataclasses.replace(found, fault=fault)
    try:
        head = _head_of(folder.weights.get(folder.main, ()))
        codes = [_code_fault(_head_of(files)) for files in folder.weights.values()]
    except NoModelError as error:
        fault = Fault(error.fault.kind, f"a folder with a file that is {error.fault.what}", AGAIN)
        return dataclasses.replace(found, fault=fault)
    if any(codes):
        return dataclasses.replace(found, fault=next(filter(None, codes)))
    return _of_its_family(path, found, folder, head)


def _of_its_family(path: Path, found: Found, folder: Folder, head: Head) -> Found:
    marked = [one for one in reversed(FAMILIES) if is_marked(one.marks, head)]
    named = [
        one for one in reversed(FAMILIES) if folder.pipeline in one.classes or folder.model in one.classes
    ]
    family = next((one for one in marked if not named or one in named), next(iter(marked or named), None))
    if family is None:
        return dataclasses.replace(found, fault=_not_ours(head) or _incomplete(folder) or UNKNOWN)
    if family.folder_parts:
        folder = read_folder(path, family.folder_parts)
    fault = _not_ours(head) or _folder_fault(family, folder) or _channel_fault(family, head)
    if folder.scheduler.startswith(EDM):
        fault = fault or next(one.fault for one in KNOWN if EDM in one.title)
    return dataclasses.replace(found, family=family, version=family.version(head), fault=fault)


def _incomplete(folder: Folder) -> Fault | None:
    return Fault("damaged", f"incomplete: {folder.faults[0]}", AGAIN) if folder.faults else None


def _of_class(folder: Folder) -> Fault | None:
    """By the name of its pipeline or model, where that is of none of our families."""
    ours = {name for family in FAMILIES for name in family.classes}
    names = [name for name in (folder.pipeline, folder.model) if name and name not in ours]
    for name in names:
        for known in KNOWN:
            if known.classes and name.startswith(known.classes):
                return known.fault
    if folder.pipeline.startswith(
        ("StableDiffusion", "Flux", "Chroma", "Lumina", "HunyuanImage", "Anima", "LatentC")
    ):
        return None  # a relative of ours, as an inpainting pipeline: its head says what it is
    if folder.pipeline and folder.pipeline in names:
        return Fault(
            "unknown", f"a model for diffusers' {folder.pipeline}, which isn't trained here", UNKNOWN.instead
        )
    return None


def _folder_fault(family: Family, folder: Folder) -> Fault | None:
    if incomplete := _incomplete(folder):
        return incomplete
    if family.folder == "":
        return Fault(
            "foreign", f"a diffusers folder, and sd-scripts trains {family.title} from one safetensors file",
            "get that file",
        )  # fmt: skip
    names = tuple(file.name for file in folder.weights.get(folder.main, ()))
    if family.folder == "three shards" and names != THREE_SHARDS:
        what = (
            f"a diffusers folder whose transformer isn't in three files, as sd-scripts reads {family.title}"
        )
        return Fault("foreign", what, "get the transformer as one safetensors file")
    return None


def _files(folder: Folder) -> Iterator[Path]:
    for name, files in folder.weights.items():
        if name == folder.main or name.startswith("text_encoder"):
            yield from files


def _head_of(files: tuple[Path, ...]) -> Head:
    shapes: dict[str, Shape] = {}
    code: list[str] = []
    for file in files:
        head = read_head(file)
        shapes.update(head.shapes)
        code += head.code
    return Head(shapes, code=tuple(code))
