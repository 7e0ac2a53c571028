"""What *Keep* begins with: a name that can be read, the weight of the picture, the words that call it."""

from __future__ import annotations

from pathlib import Path

from train_tools.captioning.activation import activation_tag
from train_tools.captioning.interface import CONCEPT
from train_tools.compare.checkpoints import Checkpoint
from train_tools.dataset.census import take_census
from train_tools.publish.service import WEBUI_TAG, free_lora_name
from train_tools.workspace.workspace import Version


def name_for(version: Version, checkpoint: Checkpoint, folder: Path) -> str:
    """As `mochi v2 e8`, or with the step where the file says no epoch; free in `folder`."""
    end = f"e{checkpoint.epoch}" if checkpoint.epoch else f"s{checkpoint.step}" if checkpoint.step else ""
    words = " ".join(filter(None, (version.project, version.name, end)))
    return free_lora_name(folder, "".join("-" if sign in WEBUI_TAG else sign for sign in words))


def trigger_words(version: Version) -> str:
    """The tag that captions begin with, for each concept."""
    tag = activation_tag(version)
    if CONCEPT not in tag:
        return tag
    concepts = dict.fromkeys(one.concept for one in take_census(version).concepts)
    return ", ".join(tag.replace(CONCEPT, concept) for concept in concepts)
