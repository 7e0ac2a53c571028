"""A file of settings as data: JSON, TOML or YAML, told by the text and not by the file's ending."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from train_tools.workspace import toml

MOST_VALUES = 100_000
STRUCTURED = (".json", ".toml", ".yaml", ".yml")
# YAML takes nearly every text; scripts are tried as such first.
LOOKS_LIKE_YAML = re.compile(r"^(?:---\s*$|[A-Za-z_][\w-]*:(?:\s|$))", re.MULTILINE)


class NotReadableError(ValueError):
    """The text is of none of the kinds that its ending allows."""


def parsed(text: str, ending: str) -> Any:
    """What it holds, else None: a script or command line.

    Raises NotReadableError where the ending promises another kind.
    """
    order = [".json", ".toml", ".yaml"]
    first = ".yaml" if ending == ".yml" else ending
    if first in order:
        order.remove(first)
        order.insert(0, first)
    problem = ""
    for kind in order:
        if kind != first and not _may_be(kind, text):
            continue
        try:
            found = READERS[kind](text)
        except (ValueError, RecursionError) as error:
            problem = problem or f"{_title(kind)}: {error}"
            continue
        if isinstance(found, (Mapping, list)):
            return found
    if ending in STRUCTURED:
        raise NotReadableError(problem or f"{_title(first)}: it holds no names with values")
    return None


def _may_be(kind: str, text: str) -> bool:
    start = text.lstrip()[:1]
    if kind == ".json":
        return start in ("{", "[")
    if kind == ".toml":
        return bool(re.search(r"^\s*(?:\[{1,2}[\w.\" -]+\]{1,2}|[\w.\"-]+\s*=)", text, re.MULTILINE))
    return start != "[" and bool(LOOKS_LIKE_YAML.search(text)) and "--" not in text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # People leave commas behind the last entry, and remarks.
        mended = re.sub(r",(\s*[}\]])", r"\1", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
        if mended == text:
            raise
        return json.loads(mended)


def _yaml(text: str) -> Any:
    import yaml

    try:
        return _with_numbers(yaml.safe_load(text), itertools.count())
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _with_numbers(value: Any, seen: Iterator[int]) -> Any:
    """YAML 1.1 takes 1e-4 for text; and a few lines of its can stand for billions of values."""
    if next(seen) > MOST_VALUES:
        raise ValueError("it holds too many values")
    if isinstance(value, Mapping):
        return {str(key): _with_numbers(item, seen) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item, seen) for item in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(?:\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


READERS: Mapping[str, Callable[[str], Any]] = {".json": _json, ".toml": toml.loads, ".yaml": _yaml}


def _title(kind: str) -> str:
    return kind.removeprefix(".").upper()
