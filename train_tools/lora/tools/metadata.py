"""What new files say of themselves: sd-scripts' `ss_*` keys, the modelspec keys, and what they were made from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from train_tools import __version__

from .modules import LoraModules

if TYPE_CHECKING:
    from .base import BaseFiles

SPEC = "1.0.1"
# What all LoRAs that are merged say alike stays said.
KEPT = (
    "ss_v2", "ss_base_model_version", "ss_sd_model_name", "ss_sd_model_hash", "ss_new_sd_model_hash",
    "ss_resolution", "ss_clip_skip", "modelspec.architecture", "modelspec.implementation", "modelspec.resolution",
    "modelspec.prediction_type",
)  # fmt: skip
MERGED_FROM = "modelspec.merged_from"
TAGS = "ss_tag_frequency"
MADE_BY = "train_tools.made_by"  # a line of how


def of_merged_model(
    base: BaseFiles, files: Sequence[tuple[LoraModules, float]], title: str
) -> dict[str, str]:
    """A checkpoint keeps what it said, but for the hash of what it was."""
    kept = {
        name: value
        for name, value in base.metadata.items()
        if name not in ("format", "modelspec.hash_sha256", "modelspec.title")
    }
    return {
        **kept,
        "modelspec.sai_model_spec": kept.get("modelspec.sai_model_spec", SPEC),
        "modelspec.title": title,
        "modelspec.date": _now(),
        MERGED_FROM: ", ".join([base.path.stem, *(file.path.stem for file, _ in files)]),
        MADE_BY: said("merge-into", files),
    }


def of_lora(
    files: Sequence[LoraModules], title: str, *, ranks: Sequence[int], alphas: Sequence[float], made_by: str
) -> dict[str, str]:
    """A LoRA that was made from others. `ranks` and `alphas` are those of its layers."""
    found = {}
    for name in KEPT:
        values = {file.metadata[name] for file in files if file.metadata.get(name)}
        if len(values) == 1:
            found[name] = values.pop()
    family = next((file.family for file in files if file.family), None)
    if family and not found.get("ss_base_model_version") and family.words.version_in_files:
        found["ss_base_model_version"] = family.words.version_in_files.format(v="")
    if tags := _tags(files):
        found[TAGS] = tags
    triggers = dict.fromkeys(file.metadata.get("modelspec.trigger_phrase", "") for file in files)
    if trigger := ", ".join(filter(None, triggers)):
        found["modelspec.trigger_phrase"] = trigger
    return {
        **found,
        **of_network(ranks, alphas),
        "modelspec.sai_model_spec": SPEC,
        "modelspec.title": title,
        "modelspec.date": _now(),
        "modelspec.implementation_version": f"train-tools/{__version__}",
        MERGED_FROM: ", ".join(file.path.stem for file in files),
        MADE_BY: made_by,
    }


def of_network(ranks: Sequence[int], alphas: Sequence[float]) -> dict[str, str]:
    """As sd-scripts' tools say it: "Dynamic" where layers differ."""
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": _same([str(rank) for rank in ranks]),
        "ss_network_alpha": _same([f"{alpha:g}" for alpha in alphas]),
    }


def said(what: str, files: Sequence[tuple[LoraModules, float]]) -> str:
    return f"{what} of " + " + ".join(f"{file.path.stem}:{weight:g}" for file, weight in files)


def _same(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else "Dynamic"


def _tags(files: Sequence[LoraModules]) -> str:
    """Folders of all trainings with the counts of their tags."""
    result: dict[str, dict[str, int]] = {}
    for file in files:
        for folder, tags in _folders(file.metadata).items():
            counts = result.setdefault(str(folder), {})
            for tag, count in tags.items() if isinstance(tags, dict) else ():
                if isinstance(count, int):
                    counts[tag] = counts.get(tag, 0) + count
    return json.dumps(result, ensure_ascii=False) if result else ""


def _folders(metadata: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        found = json.loads(metadata.get(TAGS, "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")
