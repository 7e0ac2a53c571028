"""Models for the captioners that are widely used, and what one that isn't here takes to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from train_tools.environment.hub import HubFile, look_up
from train_tools.environment.model_offers import Offer, of_files
from train_tools.environment.model_source import HUB_ID
from train_tools.environment.network import Network
from train_tools.errors import UsageError


@dataclass(frozen=True)
class KnownModel:
    """`bytes` are rough, of what is fetched; the hub is asked before a download."""

    id: str
    bytes: int


# The first is the one that is proposed.
KNOWN: Mapping[str, tuple[KnownModel, ...]] = MappingProxyType({
    "wd": (
        KnownModel("SmilingWolf/wd-swinv2-tagger-v3", 467_000_000),
        KnownModel("SmilingWolf/wd-vit-tagger-v3", 379_000_000),
        KnownModel("SmilingWolf/wd-convnext-tagger-v3", 395_000_000),
        KnownModel("SmilingWolf/wd-eva02-large-tagger-v3", 1_260_000_000),
    ),
    "blip": (
        KnownModel("Salesforce/blip-image-captioning-large", 1_880_000_000),
        KnownModel("Salesforce/blip-image-captioning-base", 990_000_000),
    ),
})  # fmt: skip
# What a captioner reads: all files of the first patterns, and those of the first of the others that fits.
TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"wd": ("selected_tags.csv",), "blip": ("*.json", "*.txt")}
)
WEIGHTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"wd": ("model.onnx",), "blip": ("*.safetensors", "pytorch_model*.bin")}
)


def rough_bytes(captioner: str, model: str) -> int:
    """0 where it isn't one of the known."""
    return next((one.bytes for one in KNOWN.get(captioner, ()) if one.id == model), 0)


def offer(captioner: str, model: str, network: Network) -> Offer:
    """Raises UsageError where the hub has no such model, or it isn't one for this captioner."""
    if captioner not in WEIGHTS or HUB_ID.fullmatch(model) is None:
        raise UsageError(f"{model} is no Hugging Face id like owner/name, so it can't be downloaded")
    repository = look_up(model, "main", network)
    texts = _fitting(repository.files, TEXTS[captioner])
    weights = next((found for one in WEIGHTS[captioner] if (found := _fitting(repository.files, (one,)))), [])
    if not texts or not weights:
        raise UsageError(f"{model} holds no model for the captioner {captioner}; choose another")
    return of_files(repository, [*texts, *weights])


def _fitting(files: Sequence[HubFile], patterns: Sequence[str]) -> list[HubFile]:
    return [
        file
        for file in files
        if "/" not in file.name and any(fnmatchcase(file.name, one) for one in patterns)
    ]
