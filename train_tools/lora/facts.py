"""What a LoRA's metadata tells a person of its training, from the keys that sd-scripts writes (`ss_*`)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_TAGS = 60


@dataclass(frozen=True)
class LoraFacts:
    """Texts as the file has them, "" where it says nothing. `finished` is in seconds since 1970, `seconds` how long it
    was trained. `tags` are the commonest with their counts.
    """

    title: str = ""
    base_model: str = ""
    family: str = ""
    network: str = ""
    rank: str = ""
    alpha: str = ""
    epochs: str = ""
    steps: str = ""
    images: str = ""
    batch: str = ""
    resolution: str = ""
    learning_rate: str = ""
    optimizer: str = ""
    scheduler: str = ""
    trigger: str = ""
    finished: float | None = None
    seconds: float | None = None
    tags: tuple[tuple[str, int], ...] = field(default=())


# Field -> the keys that may hold it, the best first.
KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("modelspec.title", "ss_output_name"),
    "base_model": ("ss_sd_model_name",),
    "family": ("ss_base_model_version", "modelspec.architecture"),
    "network": ("ss_network_module",),
    "rank": ("ss_network_dim",),
    "alpha": ("ss_network_alpha",),
    "epochs": ("ss_epoch", "ss_num_epochs"),
    "steps": ("ss_steps",),
    "images": ("ss_num_train_images",),
    "batch": ("ss_total_batch_size", "ss_batch_size_per_device"),
    "resolution": ("ss_resolution", "modelspec.resolution"),
    "learning_rate": ("ss_learning_rate",),
    "optimizer": ("ss_optimizer",),
    "scheduler": ("ss_lr_scheduler",),
    "trigger": ("modelspec.trigger_phrase",),
}


def lora_facts(metadata: Mapping[str, str]) -> LoraFacts:
    """Damaged values are left out; nothing in the file is trusted."""
    texts = {name: _first(metadata, keys) for name, keys in KEYS.items()}
    texts["resolution"] = _sizes(metadata.get("ss_datasets", "")) or texts["resolution"]
    started, finished = (
        _number(metadata.get(f"ss_training_{end}_at", "")) for end in ("started", "finished")
    )
    seconds = finished - started if started and finished and finished > started else None
    return LoraFacts(**texts, finished=finished, seconds=seconds, tags=_tags(metadata))


def _first(metadata: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((value for key in keys if (value := metadata.get(key, "")) not in ("", "None")), "")


def _sizes(datasets: str) -> str:
    """Of a training at several sizes, which sd-scripts has a dataset for each; empty where it says none."""
    try:
        found = [one["resolution"] for one in json.loads(datasets or "[]")]
        return "+".join(dict.fromkeys(f"{int(width)}x{int(height)}" for width, height in found))
    except (ValueError, TypeError, KeyError):
        return ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < 4e9 else None


def _tags(metadata: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    try:
        folders = json.loads(metadata.get("ss_tag_frequency", "{}"))
    except ValueError:
        return ()
    counts: Counter[str] = Counter()
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if isinstance(count, int) and not isinstance(count, bool):
                counts[tag.strip()] += count
    return tuple(counts.most_common(MOST_TAGS))
