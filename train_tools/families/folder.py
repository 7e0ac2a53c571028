"""A diffusers folder: which parts it names, whether each is whole, and which files hold the weights.

What is missing is told here, as diffusers and transformers fill much of it in by themselves: a tokenizer without words,
sizes by their own defaults, random weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_tools.families.interface import Fault

INDEX = "model_index.json"
AGAIN = "download the whole folder again"
# Parts that no training asks for.
OPTIONAL = frozenset({"safety_checker", "feature_extractor", "image_encoder", "watermarker", "watermark"})
MODELS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")
MAIN = ("unet", "transformer")
TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")
SCHEDULER = "scheduler"
# `diffusion_pytorch_model.fp16-00001-of-00003.safetensors`
WEIGHTS = re.compile(
    r"(?P<stem>diffusion_pytorch_model|model|pytorch_model)"
    r"(?:\.(?P<variant>[A-Za-z]\w*))?(?:-(?P<number>\d{5})-of-(?P<count>\d{5}))?\.(?P<ending>safetensors|bin)"
)
WORDS = (("vocab.json", "merges.txt"), ("tokenizer.json",), ("spiece.model",), ("tokenizer.model",))
# What the sizes of a part can't be told without: left out, they would be the libraries' own.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "unet": ("block_out_channels", "cross_attention_dim", "attention_head_dim", "down_block_types", "layers_per_block"),
    "vae": ("block_out_channels", "latent_channels"),
    "text_encoder": (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Folder:
    """`pipeline` and `model` are diffusers' classes of the whole and of the UNet or transformer; "" where not said.

    `weights` are each part's files, of the variant that is there. `faults` are what is missing, worst first.
    """

    pipeline: str = ""
    model: str = ""
    main: str = ""
    weights: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    variant: str = ""
    prediction: str = ""
    zero_snr: bool = False
    scheduler: str = ""
    faults: tuple[str, ...] = ()


def read_folder(path: Path, needs: tuple[str, ...] = ()) -> Folder:
    """`needs` are parts that must be there whatever the index says."""
    index = _json(path / INDEX) or {}
    named = [name for name, value in index.items() if _is_part(name, value)]
    names = dict.fromkeys([*named, *needs, *(n for n in (*MODELS, *TOKENIZERS) if (path / n).is_dir())])
    lost: list[str] = []
    faults: list[str] = []
    weights: dict[str, tuple[Path, ...]] = {}
    variants: dict[str, str] = {}
    for name in names:
        part = path / name
        if name.startswith("tokenizer"):
            faults += _tokenizer_faults(part)
        elif name == SCHEDULER:
            faults += _config_faults(part, "scheduler_config.json")
        elif name.startswith(("unet", "transformer", "vae", "text_encoder", "prior", "decoder")):
            faults += _config_faults(part, "config.json")
            weights[name], variants[name], missing = weights_of(part)
            lost += missing
    main = next((name for name in MAIN if name in weights), "")
    schedule = _json(path / SCHEDULER / "scheduler_config.json") or {}
    return Folder(
        pipeline=str(index.get("_class_name", "")),
        model=str((_json(path / main / "config.json") or {}).get("_class_name", "")) if main else "",
        main=main,
        weights=weights,
        variant=variants.get(main, ""),
        prediction=str(schedule.get("prediction_type", "")),
        zero_snr=bool(schedule.get("rescale_betas_zero_snr")),
        scheduler=str(schedule.get("_class_name", "")),
        faults=(*lost, *faults),
    )


def _is_part(name: str, value: Any) -> bool:
    """`"unet": ["diffusers", "UNet2DConditionModel"]`; null twice stands for a part that it does without."""
    return (
        not name.startswith("_")
        and name not in OPTIONAL
        and isinstance(value, list)
        and len(value) == 2
        and all(value)
    )


def weights_of(part: Path) -> tuple[tuple[Path, ...], str, list[str]]:
    """A part's files and their variant, and what is missing of them.

    Whole weights are preferred to variants, and safetensors to pickles.
    """
    found: dict[tuple[str, str], list[re.Match[str]]] = {}
    for match in _weight_files(part):
        found.setdefault((match["variant"] or "", match["ending"]), []).append(match)
    if not found:
        return (), "", [f"its part {part.name} holds no weights"]
    (variant, ending), matches = min(
        found.items(), key=lambda one: (one[0][0] != "", one[0][1] != "safetensors")
    )
    files = tuple(part / match[0] for match in matches)
    whole = [match for match in matches if not match["number"]]
    if whole:
        return (part / whole[0][0],), variant, []
    there = {int(match["number"]) for match in matches}
    count = max(int(match["count"]) for match in matches)
    missing = sorted(set(range(1, count + 1)) - there) or _not_there(part, variant, ending)
    said = [f"{len(missing)} of {count} files of {part.name} are missing"] if missing else []
    return files, variant, said


def _weight_files(part: Path) -> Iterator[re.Match[str]]:
    if part.is_dir():
        for file in sorted(part.iterdir()):
            if (match := WEIGHTS.fullmatch(file.name)) and file.is_file():
                yield match


def _not_there(part: Path, variant: str, ending: str) -> list[str]:
    """Files that the index of the shards names."""
    middle = f".{variant}" if variant else ""
    for file in sorted(part.glob(f"*.{ending}.index{middle}.json")):
        names = (_json(file) or {}).get("weight_map", {})
        if isinstance(names, dict):
            return [str(name) for name in dict.fromkeys(names.values()) if not (part / str(name)).is_file()]
    return []


def _tokenizer_faults(part: Path) -> list[str]:
    is_whole = any(all(_has_content(part / name) for name in names) for names in WORDS)
    if is_whole:
        return []
    return [f"{part.name} has no vocabulary (vocab.json and merges.txt, or tokenizer.json)"]


def _has_content(file: Path) -> bool:
    """Something that isn't the pointer to it."""
    try:
        with file.open("rb") as opened:
            start = opened.read(64)
    except OSError:
        return False
    return bool(start) and not start.startswith(b"version https://git-lfs")


def _config_faults(part: Path, name: str) -> list[str]:
    if not part.is_dir():
        return [f"its part {part.name} is missing"]
    config = _json(part / name)
    if config is None:
        return [f"its part {part.name} has no {name} that can be read"]
    unsaid = [key for key in NEEDED.get(part.name, ()) if key not in config]
    return [f"{name} of its part {part.name} doesn't say {unsaid[0]}"] if unsaid else []


def _json(file: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def not_a_folder(path: Path) -> Fault:
    """Of a folder that isn't diffusers': what is in it decides what to do."""
    files = sorted(p.name for p in path.iterdir() if p.suffix.lower() in (".safetensors", ".ckpt"))
    if not any(path.iterdir()):
        return Fault("damaged", "an empty folder", "choose a checkpoint file, or download the folder again")
    if (path / "config.json").is_file() and (path.parent / INDEX).is_file():
        return Fault(
            "foreign", "one part of a diffusers folder", f"choose the folder above it, {path.parent}"
        )
    if files:
        return Fault("foreign", "a folder with model files, not a model in diffusers' layout",
                     f"choose one of its files, as {files[0]}")  # fmt: skip
    return Fault(
        "foreign", "a folder without a model in it", "choose a checkpoint file or a diffusers folder"
    )
