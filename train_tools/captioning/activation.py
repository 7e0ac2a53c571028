"""The tag by which a LoRA is called."""

from __future__ import annotations

from train_tools.captioning.settings import CaptioningSettings
from train_tools.tags.caption import parse_tags
from train_tools.workspace.settings import preview_change
from train_tools.workspace.workspace import Version


def activation_tag(version: Version) -> str:
    """The first tag of captioning's prefix, in which {concept} is the concept's name; empty: there is none."""
    blocks = parse_tags(preview_change(version, "captioning", CaptioningSettings, {}).prefix)
    return blocks[0][0] if blocks else ""
