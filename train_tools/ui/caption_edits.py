"""Edits and filters of captions as the page asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from train_tools.captioning.activation import activation_tag
from train_tools.errors import UsageError
from train_tools.tags import edits
from train_tools.tags.edits import Edit
from train_tools.tags.filters import Filter
from train_tools.tags.separators import repaired
from train_tools.tags.service import captions, comparable_counts
from train_tools.tags.synonyms import parse_pairs
from train_tools.workspace.workspace import Version

LISTS = ("all_of", "any_of", "none_of", "images", "names", "concepts")
NUMBERS = ("longer", "shorter")
TEXTS = ("text", "pattern")
TRIGGER = "trigger word"  # in the history, of what stands for each concept's own
SWITCHES = ("is_missing", "is_empty")


def filter_of(given: Any) -> Filter:
    """The page's names are those of `Filter`. Raises UsageError for what isn't one of them."""
    if not isinstance(given, Mapping):
        raise UsageError("a filter must name its conditions")
    known: dict[str, Any] = {}
    for name, value in given.items():
        if name in LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
            known[name] = tuple(value)
        elif (
            (name in NUMBERS and type(value) is int)
            or (name in TEXTS and isinstance(value, str))
            or (name in SWITCHES and isinstance(value, bool))
        ):
            known[name] = value
        else:
            raise UsageError(f"{name!r} is no condition of a filter, or {value!r} can't be its value")
    return Filter(**known)


def edit_of(version: Version, given: Any) -> tuple[str, Edit]:
    """What the history says of it, and the edit. Raises UsageError where it can't be done."""
    if not isinstance(given, Mapping) or given.get("kind") not in MAKERS:
        raise UsageError(f"an edit must be one of {', '.join(MAKERS)}")
    kind = str(given["kind"])
    values = {name: value for name, value in given.items() if name != "kind"}
    if not all(isinstance(value, (str, bool, int)) for value in values.values()):
        raise UsageError("an edit takes texts, numbers and switches")
    what = " ".join(
        [kind, *(_said(name, value) for name, value in values.items() if value not in ("", False))]
    )
    return what.replace(edits.CONCEPT, TRIGGER), MAKERS[kind](version, values)


def _said(name: str, value: Any) -> str:
    return name if value is True else f"{value!r}" if isinstance(value, str) else f"{name} {value}"


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name, ""))


def _sort(version: Version, values: Mapping[str, Any]) -> Edit:
    try:
        keep = int(values.get("keep", 1))
    except ValueError as error:
        raise UsageError("the number of tags that stay in front must be a whole number") from error
    if keep < 0:
        raise UsageError("the number of tags that stay in front must be 0 or more")
    return edits.sort(comparable_counts(captions(version)) if values.get("by_frequency") else None, keep)


def _first(version: Version, values: Mapping[str, Any]) -> Edit:
    tag = _text(values, "tag").strip() or activation_tag(version)
    if not tag:
        raise UsageError("captioning's prefix is empty, so no tag is the activation tag; name one")
    return edits.first(tag, insert=bool(values.get("insert")))


def _fix(_version: Version, values: Mapping[str, Any]) -> Edit:
    return repaired(lines=bool(values.get("lines")), separators=bool(values.get("separators")))


def _merge(_version: Version, values: Mapping[str, Any]) -> Edit:
    lines = [line.strip() for line in _text(values, "pairs").splitlines() if line.strip()]
    if not lines:
        raise UsageError("say what to merge, a line each: old,older=new")
    return edits.merge(parse_pairs(lines))


def _regex(_version: Version, values: Mapping[str, Any]) -> Edit:
    pattern = _text(values, "pattern")
    if not pattern:
        raise UsageError("give a regular expression to look for")
    return edits.regex(pattern, _text(values, "replacement"), tags_only=bool(values.get("tags_only")))


MAKERS: Mapping[str, Callable[[Version, Mapping[str, Any]], Edit]] = {
    "add": lambda _, values: edits.add(_text(values, "tags"), back=bool(values.get("back"))),
    "remove": lambda _, values: edits.remove(_text(values, "tags"), exact=bool(values.get("exact"))),
    "replace": lambda _, values: edits.replace(_text(values, "old"), _text(values, "new")),
    "first": _first,
    "sort": _sort,
    "dedupe": lambda _version, _values: edits.dedupe(),
    "merge": _merge,
    "regex": _regex,
    "fix": _fix,
    "set": lambda _, values: edits.set_text(_text(values, "text")),
}
