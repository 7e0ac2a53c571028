"""What a version's training settings say about sizes and lengths: all that checks of the dataset ask for."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.planning.arguments import ARGUMENTS
from train_tools.planning.defaults import base_model_of, complete, defaults_for
from train_tools.planning.grid import make_grid
from train_tools.planning.images import BucketRule, bucket_rule
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class Shape:
    """`max_tokens` is the longest caption that isn't cut."""

    rule: BucketRule
    batch_size: int
    max_tokens: int


def shapes_of(version: Version) -> list[Shape]:
    """Those of the runs that are planned, each once; raises UsageError for a value that isn't allowed."""
    saved = settings.read(version)["training"]
    given = {name: value for name, value in saved.items() if name in ARGUMENTS and value != ""}
    found: dict[Shape, None] = {}
    for combination in make_grid(given).combinations():
        values = complete(combination, defaults_for(base_model_of(combination)))
        found[
            Shape(bucket_rule(values), int(values["train_batch_size"]), int(values["max_token_length"] or 75))
        ] = None
    return list(found)
