"""Settings as checked dataclasses: stated once, made from text or typed values; standard library alone.

A part states its settings once, as a frozen dataclass whose fields are made by `setting(...)`:

    @dataclass(frozen=True)
    class DatasetSettings:
        width: int = setting(512, help="pixels", minimum=8, maximum=8192)

        def __post_init__(self) -> None:
            validate(self)

`build(DatasetSettings, {"width": "768"})` makes one from text (`--set`) or from typed values (TOML) alike.
Field metadata: `help` and `zh` (in English and Chinese), `minimum` and `maximum` (inclusive), `choices`, `parse`
(text -> value) and `separator` for what a comma list doesn't suit, `axis` for what may be compared. Types: bool,
int, float, str and tuples of those, which text gives as a,b,c.
"""

from __future__ import annotations

import difflib
import math
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from train_tools.errors import UsageError
from train_tools.workspace.halfwidth import half_commas, half_width

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
EQUALS = re.compile("[=\uff1d]")
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def setting(
    default: Any,
    *,
    help: str,  # as argparse and dataclasses' readers call it
    zh: str = "",  # the same sentence in Chinese
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[Any] | None = None,
    parse: Callable[[str], Any] | None = None,
    separator: str = ",",  # between several values, where `parse` splits at another one
    axis: bool = False,  # several values make several results to compare
) -> Any:
    """A dataclass field with what the command line, the page and the check need to know about it."""
    known = {
        "help": help,
        "zh": zh or None,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "parse": parse,
        "separator": separator if separator != "," else None,
        "axis": axis or None,
    }
    return field(
        default=default, metadata={name: value for name, value in known.items() if value is not None}
    )


def build(cls: type[Settings], mapping: Mapping[str, Any]) -> Settings:
    """`cls` from text or typed values; what is absent takes its default.

    Raises UsageError that names the setting, the value and what is allowed.
    """
    known = {f.name: f for f in fields(cls)}
    types = typing.get_type_hints(cls)
    for name in mapping:
        if name not in known:
            raise UsageError(unknown_name(name, list(known)))
    values = {n: convert(n, v, types[n], known[n].metadata) for n, v in mapping.items()}
    result = cls(**values)
    validate(result)
    return result


def unknown_name(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
    return f"unknown setting {name!r}; {hint}"


def convert(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:
    """Text to the field's type; a typed value only where it is of that type."""
    if "parse" in metadata and isinstance(value, str):
        return metadata["parse"](value)
    if typing.get_origin(kind) is tuple:
        items = half_commas(value).split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            items = [items]  # one value, as it was written before there could be several
        item_kind = typing.get_args(kind)[0]
        return tuple(convert_one(name, i, item_kind, metadata) for i in items if i != "")
    return convert_one(name, value, kind, metadata)


def convert_one(name: str, value: Any, kind: type, metadata: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and (kind is not str or "choices" in metadata):
        value = half_width(value).strip()
    result = from_text(value, kind) if isinstance(value, str) and kind is not str else value
    if kind is float and type(result) is int:
        result = float(result)
    if type(result) is not kind:
        raise refusal(name, value, kind, metadata)
    return result


def from_text(text: str, kind: type) -> Any:
    """None where `text` doesn't say a value of that type."""
    if kind is bool:
        return WORDS.get(text.lower())
    try:
        return kind(text)
    except ValueError:
        return None


def validate(instance: DataclassInstance) -> None:
    """Raises UsageError for the first field outside its range or choices."""
    types = typing.get_type_hints(type(instance))
    for f in fields(instance):
        kind = types[f.name]
        value = getattr(instance, f.name)
        items = value if isinstance(value, tuple) else (value,)
        item_kind = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else kind
        for item in items:
            if not allowed(item, f.metadata):
                raise refusal(f.name, item, item_kind, f.metadata)


def allowed(value: Any, metadata: Mapping[str, Any]) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    if "choices" in metadata:
        return value in metadata["choices"]
    return bool(metadata.get("minimum", value) <= value <= metadata.get("maximum", value))


def refusal(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> UsageError:
    return UsageError(f"setting {name} is {value!r}; allowed: {range_text(kind, metadata)}")


def range_text(kind: Any, metadata: Mapping[str, Any]) -> str:
    """What a setting takes, in words, e.g. `a whole number from 1 to 8`."""
    if "choices" in metadata:
        return ", ".join(map(str, metadata["choices"]))
    words = KINDS.get(kind, "a value")
    if "minimum" in metadata:
        words += f" from {metadata['minimum']}"
    if "maximum" in metadata:
        words += f" to {metadata['maximum']}" if "minimum" in metadata else f" up to {metadata['maximum']}"
    return words


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """`["a=b=c"]` -> `{"a": "b=c"}`; raises UsageError for one without a name and `=`."""
    pairs = [EQUALS.split(assignment, maxsplit=1) for assignment in assignments]
    for pair in pairs:
        if len(pair) < 2 or not pair[0].strip():
            raise UsageError(f"--set {'='.join(pair)!r} must be NAME=VALUE")
    return {half_width(name).strip(): value.strip() for name, value in pairs}
