"""Captions that stand together in one file beside the images, or in one of their own that isn't plain text.

- `*.jsonl` (`metadata.jsonl` of Hugging Face's imagefolder, musubi-tuner's), a JSON array, `metadata.csv`: an entry an
  image, with its path and `text`, `caption` or `tags`
- `*.json` of sd-scripts' fine-tuning: {image: {"caption": …, "tags": …}}; the key is a path, with or without suffix
- `captions.json` of diffusion-pipe: {image: caption} or {image: [caption, …]}
- `<stem>.json` of ai-toolkit: {"caption": …} for the image of that stem
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any

from train_tools.dataset.formats import SUFFIXES
from train_tools.dataset.originals import UnreadableCaptionError, caption_text

LINES, TABLE = ".jsonl", "metadata.csv"
NAMED_LINES = "metadata.jsonl"  # in which each line should be an image's
FILE_KEYS = ("file_name", "image_path", "image", "img_path", "filename", "file", "path")
CAPTION_KEYS = ("text", "caption", "prompt")
ELSEWHERE = re.compile(r"/|[A-Za-z]:")  # a whole path, as it was on another machine

Key = tuple[str, str]


@dataclass(frozen=True)
class Metadata:
    """`captions` by (folder, file name) or, where the file gives no suffix, (folder, stem)."""

    captions: Mapping[Key, str]
    problems: tuple[str, ...] = ()


def is_metadata(path: PurePath) -> bool:
    """Whether it may be one; a .json is looked into."""
    return path.suffix.lower() in (LINES, ".json") or path.name.lower() == TABLE


def is_list(name: str) -> bool:
    """Of entries; such files go before others."""
    return name.lower().endswith(LINES) or name.lower() == TABLE


def read_metadata(folder: str, name: str, data: bytes) -> Metadata | None:
    """None for a file about something else."""
    try:
        text = caption_text(data, name)
    except UnreadableCaptionError as error:
        return Metadata({}, (str(error),))
    if name.lower() == TABLE:
        return _of_entries(folder, csv.DictReader(io.StringIO(text)))
    if name.lower().endswith(LINES):
        found = _of_entries(folder, (_parsed(line) for line in text.splitlines() if line.strip()))
        return found if found.captions or name.lower() == NAMED_LINES else None
    whole = _parsed(text)
    if isinstance(whole, list):
        found = _of_entries(folder, whole)
        return found if found.captions else None
    return _of_object(folder, PurePosixPath(name).stem, whole) if isinstance(whole, dict) and whole else None


def _of_entries(folder: str, entries: Iterable[Any]) -> Metadata:
    captions: dict[Key, str] = {}
    problems = []
    for number, entry in enumerate(entries, start=1):
        named = isinstance(entry, dict) and next((entry[key] for key in FILE_KEYS if entry.get(key)), None)
        if not isinstance(named, str):
            problems.append(f"line {number} is no JSON object with a file_name; it is left out")
        elif caption := _caption(entry):
            captions[_place(folder, named)] = caption
    return Metadata(captions, tuple(problems))


def _place(folder: str, named: str) -> Key:
    path = named.replace("\\", "/")
    if ELSEWHERE.match(path):
        return folder, posixpath.basename(path)
    return posixpath.split(posixpath.normpath(posixpath.join(folder, path)))


def _of_object(folder: str, stem: str, whole: dict[str, Any]) -> Metadata | None:
    if all(isinstance(v, dict) and {"caption", "tags", "train_resolution"} & set(v) for v in whole.values()):
        return Metadata({_key(folder, k): text for k, v in whole.items() if (text := _caption(v))})
    if all(_is_text(value) for value in whole.values()) and any(_names_image(key) for key in whole):
        return Metadata({_key(folder, key): _first(value) for key, value in whole.items() if _first(value)})
    own = _caption(whole) if {"caption", "tags"} & set(whole) else ""
    return Metadata({(folder, stem): own}) if own else None


def _names_image(key: str) -> bool:
    return PurePosixPath(key).suffix.lower() in SUFFIXES


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _first(value: str | list[str]) -> str:
    """Of several captions of an image the first."""
    return value.strip() if isinstance(value, str) else next((one.strip() for one in value), "")


def _key(folder: str, key: str) -> Key:
    name = PurePosixPath(key.replace("\\", "/"))
    return folder, name.stem if name.suffix.lower() in SUFFIXES else name.name


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
