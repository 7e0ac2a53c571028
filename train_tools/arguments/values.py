"""From what a person writes into a field to typed values: `a,b,c`, quotes, ranges, `none`.

    learning_rate   1e-4, 3e-4          two values
    network_dim     4-16 (+4)           4, 8, 12, 16; `1-10 [4]` gives 4 values evenly spread
    learning_rate   1e-5..1e-3 log[5]   5 values in equal ratios, to 4 digits; `..` is `-`, easier to read here
    resolution      512,768; 640        two values: a size holds a comma, so `;` separates
    resolution      512+768; 1024       two values, of which the first is two sizes at once
    optimizer_args  betas=0.9,0.99 weight_decay=0.1; weight_decay=0
    vae             "a, b.pt", none     quotes keep commas; a quote inside them is doubled

Typed values, as a TOML file gives them, are taken as they are; a TOML list holds several values. Full-width signs, as
in `1e-4\uff0c3e-4`, mean the half-width ones where the argument isn't prose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from train_tools.arguments.argument import Argument
from train_tools.arguments.sizes import read_sizes, sizes_text
from train_tools.arguments.text import split, unquoted
from train_tools.errors import UsageError
from train_tools.workspace.halfwidth import READ_AS
from train_tools.workspace.settings import WORDS

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(
    rf"\s*({NUMBER})\s*(?:-|\.\.)\s*({NUMBER})\s*(?:\(\s*({NUMBER})\s*\)|(log\s*)?\[\s*(\d+)\s*\])?\s*",
    re.IGNORECASE,
)
LOG_DIGITS = 4  # of the values between; enough to aim, short enough to name a run
MOST_VALUES = 10_000


def parse_values(argument: Argument, given: Any) -> list[Any]:
    """All values that `given` says, in its order and with its duplicates.

    Raises UsageError naming the argument, the text and what is allowed.
    """
    if isinstance(given, str):
        text = as_typed(argument, given)
        return [value for piece in _pieces(argument, text) for value in _piece_values(argument, piece)]
    if _is_several(argument, given):
        if not given:
            raise _refusal(argument, given)
        return [parse_one(argument, item) for item in given]
    return [parse_one(argument, given)]


def signs_of(argument: Argument) -> str:
    """Which full-width signs can only mean half-width ones, one of `READ_AS`."""
    if argument.is_path:
        return "files"
    if argument.opens == "prose":
        return ""
    return "commas" if argument.kind == "str" and not argument.choices and not argument.is_text else "all"


def as_typed(argument: Argument, text: str) -> str:
    return READ_AS[signs_of(argument)](text)


def parse_one(argument: Argument, given: Any) -> Any:
    """One value from text or from a typed value."""
    if isinstance(given, str):
        given = as_typed(argument, given)
    is_none = isinstance(given, str) and given.strip().lower() == "none"
    if given is None or (is_none and (argument.allows_none or argument.is_required)):
        if not argument.allows_none:
            raise _refusal(argument, given)
        return None
    if argument.is_several and len(items := _items(given)) > 1:
        return [parse_one(argument, item) for item in items]
    value = _converted(argument, given)
    if value is None:
        raise _refusal(argument, given)
    if argument.choices:
        return _choice(argument, value, given)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and not (_at_least(argument, value) and _at_most(argument, value)):
        raise _refusal(argument, given)
    return value


def _items(given: Any) -> list[Any]:
    """The numbers that together are one value: `5e-5 1e-5`."""
    if isinstance(given, str):
        return given.split()
    return list(given) if isinstance(given, (list, tuple)) else []


def _at_least(argument: Argument, value: float) -> bool:
    return argument.minimum is None or value >= argument.minimum


def _at_most(argument: Argument, value: float) -> bool:
    return argument.maximum is None or value <= argument.maximum


def _pieces(argument: Argument, text: str) -> list[str]:
    try:
        of_words = argument.kind == "list"
        pieces = split(text, argument.separator, of_words=of_words)
        if argument.separator == ";" and len(pieces) == 1:
            # "64,64","128,128": quotes say where each value ends.
            quoted = split(text, ",", of_words=of_words)
            if len(quoted) > 1 and all(unquoted(piece) != piece for piece in quoted):
                pieces = quoted
    except ValueError as error:
        raise UsageError(f"{argument.name} = {text}: {error}") from error
    # `1,2,` and `1,,2` leave empty pieces; an empty field is one empty piece.
    return [piece for piece in pieces if piece] or [""]


def _piece_values(argument: Argument, piece: str) -> list[Any]:
    found = RANGE.fullmatch(piece) if argument.kind in ("int", "float", "int_or_ratio") else None
    if found:
        return [parse_one(argument, number) for number in _range(argument, piece, *found.groups())]
    if unquoted(piece) != piece and argument.kind != "list":
        return [parse_one(argument, unquoted(piece))]
    return [parse_one(argument, piece)]


def _range(
    argument: Argument, text: str, first: str, last: str, step: str | None, log: str | None, count: str | None
) -> list[str]:
    start, end = Decimal(first), Decimal(last)
    if count is not None:
        spread = _spread_in_ratios if log else _spread
        return spread(argument, text, start, end, int(count))
    if step is None and (start % 1 or end % 1):
        raise UsageError(
            f"{argument.name} = {text}: say the step, as in 0.1-0.5 (+0.1), or the count, as in 0.1-0.5 [5]"
        )
    width = Decimal(step) if step else Decimal(1 if end >= start else -1)
    if width == 0 or (end - start) / width < 0:
        raise UsageError(f"{argument.name} = {text}: the step {width} doesn't lead from {first} to {last}")
    steps = int((end - start) / width)
    _check_count(argument, text, steps + 1)
    return [str(start + i * width) for i in range(steps + 1)]


def _spread(argument: Argument, text: str, start: Decimal, end: Decimal, count: int) -> list[str]:
    _check_count(argument, text, count)
    if count == 1:
        return [str(start)]
    values = [start + (end - start) * i / (count - 1) for i in range(count)]
    if argument.kind == "int":
        values = [Decimal(round(value)) for value in values]
    return [f"{value:.12g}" for value in values]


def _spread_in_ratios(argument: Argument, text: str, start: Decimal, end: Decimal, count: int) -> list[str]:
    _check_count(argument, text, count)
    if start <= 0 or end <= 0:
        raise UsageError(f"{argument.name} = {text}: log needs values above 0")
    if count == 1:
        return [str(start)]
    inner = [start * (end / start) ** (Decimal(i) / (count - 1)) for i in range(1, count - 1)]
    texts = [str(round(value)) if argument.kind == "int" else f"{value:.{LOG_DIGITS}g}" for value in inner]
    return [str(start), *texts, str(end)]


def _check_count(argument: Argument, text: str, count: int) -> None:
    if not 1 <= count <= MOST_VALUES:
        raise UsageError(f"{argument.name} = {text}: that is {count} values; 1 to {MOST_VALUES} are allowed")


def _is_several(argument: Argument, given: Any) -> bool:
    """A list from TOML: several values, except that a list argument's value is itself a list of texts."""
    if not isinstance(given, (list, tuple)):
        return False
    return argument.kind != "list" or any(isinstance(item, (list, tuple)) for item in given)


def _converted(argument: Argument, given: Any) -> Any:
    """The value in the argument's type; None where `given` says none of that type."""
    if argument.kind == "list":
        return _words(argument, given)
    if argument.kind == "bool":
        return _bool(given)
    if isinstance(given, bool):
        return None
    if argument.kind == "str":
        if isinstance(given, int) and argument.choices:
            return str(given)
        return given.strip() or None if isinstance(given, str) else None
    return _size(given) if argument.kind == "size" else _number(argument, given)


def _bool(given: Any) -> bool | None:
    if isinstance(given, bool):
        return given
    return WORDS.get(str(given).strip().lower())


def _number(argument: Argument, given: Any) -> float | None:
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        return None
    if argument.kind == "float" or not math.isfinite(number):
        return number if math.isfinite(number) else None
    if number.is_integer():
        return int(number)
    return number if argument.kind == "int_or_ratio" and 0 < number < 1 else None


def _size(given: Any) -> str | None:
    return sizes_text(read_sizes(str(given))) or None


def _words(argument: Argument, given: Any) -> list[str] | None:
    if isinstance(given, str):
        try:
            return [unquoted(word) for word in split(given, " ") if word] or None
        except ValueError as error:
            raise UsageError(f"{argument.name} = {given}: {error}") from error
    is_words = isinstance(given, Sequence) and all(isinstance(word, str) for word in given)
    return list(given) if is_words else None


def _choice(argument: Argument, value: Any, given: Any) -> Any:
    """The choice as the table spells it: `lion` is `Lion`, so that a run has one name."""
    for choice in argument.choices:
        if str(choice).lower() == str(value).lower():
            return choice
    if argument.takes_class(value):
        return value
    if argument.reads is not None and value is not None:
        try:
            return argument.reads(str(value))
        except UsageError as error:
            raise UsageError(f"{argument.name}: {error}") from error
    raise _refusal(argument, given)


def _refusal(argument: Argument, given: Any) -> UsageError:
    said = (
        "is empty"
        if given in ("", None, [])
        else f"can't be {given if isinstance(given, str) else repr(given)}"
    )
    return UsageError(f"{argument.name} {said}; allowed: {argument.allowed}")


def times_of_a_face(text: str) -> tuple[float, float]:
    """`2.0,4.0`, as face_crop_aug_range has it. Raises UsageError where it is anything else."""
    try:
        least, most = map(float, text.split(","))
    except ValueError:
        least, most = 0.0, 0.0
    if not 0 < least <= most < math.inf:
        raise UsageError(
            f"face_crop_aug_range {text} isn't two numbers above 0, the smaller first, as 2.0,4.0"
        )
    return least, most
