"""Captions that stand together in one file beside the images.

- `metadata.jsonl`, as Hugging Face's imagefolder has it: a JSON object a line, with `file_name` (relative to the
  file) and `text`, `caption` or `tags`.
- `*.json` of sd-scripts' fine-tuning: {image: {"caption": …, "tags": …}}; the key is a path, with or without suffix.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any

from train_tools.dataset.formats import SUFFIXES
from train_tools.dataset.originals import UnreadableCaptionError, caption_text

LINES = "metadata.jsonl"
CAPTION_KEYS = ("text", "caption", "prompt")


@dataclass(frozen=True)
class Metadata:
    """`captions` by (folder, file name) or, where the file gives no suffix, (folder, stem)."""

    captions: Mapping[tuple[str, str], str]
    problems: tuple[str, ...] = ()


def is_metadata(path: PurePath) -> bool:
    """Whether it may be one; a .json is looked into."""
    return path.name.lower() == LINES or path.suffix.lower() == ".json"


def read_metadata(folder: str, name: str, data: bytes) -> Metadata | None:
    """None for a .json about something else."""
    try:
        text = caption_text(data, name)
    except UnreadableCaptionError as error:
        return Metadata({}, (str(error),))
    return _read_lines(folder, text) if name.lower() == LINES else _read_object(folder, text)


def _read_lines(folder: str, text: str) -> Metadata:
    captions, problems = {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        entry = _parsed(line)
        file = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(file, str) or not file:
            problems.append(f"line {number} is no JSON object with a file_name; it is left out")
            continue
        place = posixpath.normpath(posixpath.join(folder, file.replace("\\", "/")))
        caption = _caption(entry)
        if caption:
            captions[posixpath.split(place)] = caption
    return Metadata(captions, tuple(problems))


def _read_object(folder: str, text: str) -> Metadata | None:
    whole = _parsed(text)
    if not isinstance(whole, dict) or not whole:
        return None
    if not all(
        isinstance(v, dict) and {"caption", "tags", "train_resolution"} & set(v) for v in whole.values()
    ):
        return None
    captions = {}
    for key, entry in whole.items():
        name = PurePosixPath(key.replace("\\", "/"))
        caption = _caption(entry)
        if caption:
            captions[folder, name.stem if name.suffix.lower() in SUFFIXES else name.name] = caption
    return Metadata(captions)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _caption(entry: Mapping[str, Any]) -> str:
    """The caption and, behind it, the tags; as sd-scripts joins them."""
    first = next((entry[key] for key in CAPTION_KEYS if isinstance(entry.get(key), str)), "")
    tags = entry.get("tags") or ""
    if isinstance(tags, list):
        tags = ", ".join(str(tag).strip() for tag in tags)
    parts = (first.strip(), tags.strip() if isinstance(tags, str) else "")
    return ", ".join(part for part in parts if part)
