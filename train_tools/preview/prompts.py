"""Prompts as they are rendered: from where they come, without other LoRAs, with trigger and wildcards in place.

Saved sets and the lists of `__name__` are text files `<root>/train_tools/prompts/<name>.txt`, a line each; empty lines
and those that start with # are left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.training import training_images
from train_tools.errors import UsageError
from train_tools.tags.tokens import LIMITS, count_plain
from train_tools.workspace.files import write_text
from train_tools.workspace.names import check_new_name
from train_tools.workspace.workspace import Version

from .renderer import PACKED
from .settings import PreviewSettings

EXTRA_NETWORK = re.compile(r"<(?:lora|lyco|hypernet):[^>]*>", re.IGNORECASE)
CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
LISTED = re.compile(r"__([^\s_](?:[^\s]*?[^\s_])?)__")
TRIGGER = "{trigger}"
WEIGHED = re.compile(r"[()\[\]\\]|\bBREAK\b")
AS_WEBUIS = "as webuis"
DEEPEST = 50  # wildcards within wildcards; more is a list that names itself


@dataclass(frozen=True)
class Asked:
    """Prompts, each with its negative prompt, as asked for: trigger and wildcards are still in them.

    `notes` say what was taken out.
    """

    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def asked_for(version: Version, settings: PreviewSettings) -> Asked:
    """Raises UsageError where a set isn't there, or search and replace finds nothing."""
    prompts = read_list(version, settings.prompt_set) if settings.prompt_set else list(settings.prompts)
    prompts += random_captions(version, settings.random_captions, settings.seed[0])
    pairs = replaced(settings.prompt_sr, prompts, settings.negative_prompt)
    found: dict[str, None] = {}
    cleaned = [(_without_networks(one, found), _without_networks(other, found)) for one, other in pairs]
    notes = [f"{tag} was taken out of a prompt: previews show one LoRA alone" for tag in found]
    return Asked(tuple(dict.fromkeys(cleaned)), tuple(notes))


def replaced(texts: Sequence[str], prompts: Sequence[str], negatives: Sequence[str]) -> list[tuple[str, str]]:
    """Each prompt with each negative prompt, the first of `texts` replaced by each of them; as the webui's S/R."""
    pairs = [(prompt, negative) for prompt in prompts for negative in negatives]
    if not texts:
        return pairs
    if not any(texts[0] in text for pair in pairs for text in pair):
        raise UsageError(
            f"prompt_sr: {texts[0]!r} stands in no prompt; write it there, or leave prompt_sr empty"
        )
    return [
        (prompt.replace(texts[0], text), negative.replace(texts[0], text))
        for prompt, negative in pairs
        for text in texts
    ]


def _without_networks(text: str, found: dict[str, None]) -> str:
    found |= dict.fromkeys(EXTRA_NETWORK.findall(text))
    return " ".join(EXTRA_NETWORK.sub("", text).split()) if EXTRA_NETWORK.search(text) else text


def random_captions(version: Version, count: int, seed: int) -> list[str]:
    """Captions of the processed images, each at most once, the same for the same seed."""
    if not count:
        return []
    captions = {
        (image.caption() or "").strip().replace("\n", " ") for image in training_images(version.processed)
    }
    captions -= {""}
    if not captions:
        raise UsageError("random_captions: no processed image has a caption; set random_captions to 0")
    ordered = sorted(captions)
    return random.Random(seed).sample(ordered, min(count, len(ordered)))


def resolved(prompt: str, trigger: str, seed: int, lines_of: Callable[[str], Sequence[str]]) -> str:
    """The prompt with the trigger and what its wildcards chose, which depends on prompt and seed alone.

    Raises UsageError where a list isn't there or names itself.
    """
    choice = random.Random(f"{seed} {prompt}")
    text = prompt.replace(TRIGGER, trigger)
    for _ in range(DEEPEST):
        if found := CHOICE.search(text):
            chosen = choice.choice(found[1].split("|")).strip()
        elif found := LISTED.search(text):
            chosen = choice.choice(list(lines_of(found[1])))
        else:
            return text
        text = text[: found.start()] + chosen.replace(TRIGGER, trigger) + text[found.end() :]
    raise UsageError(f"the wildcards of {prompt!r} don't come to an end; look for a list that names itself")


def read_as(renderer: str, *texts: str) -> str:
    """Of a recipe: our own renderer once knew no weights, and cut long texts."""
    is_new = renderer == PACKED and any(map(_is_read_otherwise, texts))
    return AS_WEBUIS if is_new else ""


def _is_read_otherwise(text: str) -> bool:
    longest = min(LIMITS)
    is_long = (
        len(text.encode("utf-8")) > longest and count_plain(text) > longest
    )  # no token is less than a byte
    return is_long or WEIGHED.search(text) is not None


def prompts_folder(version: Version) -> Path:
    """`<root>/train_tools/prompts`."""
    return version.folder.parents[3] / "prompts"


def names_of_lists(version: Version) -> list[str]:
    return sorted(path.stem for path in prompts_folder(version).glob("*.txt"))


def read_list(version: Version, name: str) -> list[str]:
    """Raises UsageError where it isn't there or is empty."""
    if name not in names_of_lists(version):
        there = ", ".join(names_of_lists(version)) or "none yet"
        raise UsageError(
            f"there is no list of prompts {name!r}; there are: {there}; they lie in {prompts_folder(version)}"
        )
    path = prompts_folder(version) / f"{name}.txt"
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read as UTF-8 text ({error}); save it so") from error
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise UsageError(f"{path} holds no prompt; write one a line")
    return prompts


def save_list(version: Version, name: str, prompts: Sequence[str]) -> Path:
    """A new set of prompts; raises UsageError where the name can't be used or is taken."""
    check_new_name(name, "prompt set", names_of_lists(version))
    path = prompts_folder(version) / f"{name}.txt"
    write_text(path, "".join(f"{' '.join(prompt.split())}\n" for prompt in prompts))
    return path
