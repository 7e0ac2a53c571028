"""What a version's training settings say about sizes and lengths: all that checks of the dataset ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.buckets import BucketRule
from train_tools.families.detect import detect
from train_tools.planning.defaults import base_model_of, complete, defaults_for
from train_tools.planning.grid import make_grid
from train_tools.planning.images import bucket_rules
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

# The arguments that decide them; whatever else is set, or wrong, doesn't matter here.
DECIDING = (
    "pretrained_model_name_or_path", "resolution", "enable_bucket", "min_bucket_reso", "max_bucket_reso",
    "bucket_reso_steps", "bucket_no_upscale", "train_batch_size", "max_token_length",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """`max_tokens` is the longest caption that isn't cut."""

    rule: BucketRule
    batch_size: int
    max_tokens: int


def shapes_of(version: Version) -> list[Shape]:
    """Those of the runs that are planned, for each of a run's sizes one, and each once.

    Raises UsageError for a value that isn't allowed.
    """
    saved = settings.read(version)["training"]
    given = {name: value for name, value in saved.items() if name in DECIDING and value != ""}
    found: dict[Shape, None] = {}
    for combination in make_grid(given).combinations():
        base_model = base_model_of(combination)
        values = complete(combination, defaults_for(base_model, detect(Path(base_model))))
        for rule in bucket_rules(values):
            found[Shape(rule, int(values["train_batch_size"]), int(values["max_token_length"] or 75))] = None
    return list(found)
