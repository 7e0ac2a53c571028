"""TOML in and out: the standard library's reader, and a writer for what settings need."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from train_tools.errors import UsageError

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
READERS = ("tomllib", "tomli", "pip._vendor.tomli")  # the first since Python 3.11; the last is in every 3.10


def load(path: Path) -> dict[str, Any]:
    """Raises UsageError naming the file and the place where it isn't TOML, OSError where it can't be read."""
    try:
        return loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # wrong TOML and wrong UTF-8 alike
        raise UsageError(
            f"{path} can't be read as TOML ({error}); mend that place or move the file away"
        ) from error


def loads(text: str) -> dict[str, Any]:
    """Raises ValueError where `text` isn't TOML."""
    try:
        result: dict[str, Any] = reader().loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return result


def has_reader() -> bool:
    """A bare Python 3.10 may have none."""
    return any(map(module, READERS))


def reader() -> Any:
    found = next(filter(None, map(module, READERS)), None)
    if found is None:
        raise UsageError("Python 3.10 reads TOML only with the package tomli; install it")
    return found


def module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def dumps(data: Mapping[str, Any]) -> str:
    """Text that `loads` turns back into `data`; raises TypeError for None and other things TOML can't say."""
    lines = table_lines(data, ())
    return "\n".join(lines).lstrip("\n") + "\n"


def table_lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{key(name)} = {literal(value, name)}" for name, value in plain.items()]
    if path and (lines or not table):
        lines.insert(0, f"\n[{'.'.join(map(key, path))}]")
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines += table_lines(value, (*path, name))
    return lines


def key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else text_literal(name)


def literal(value: Any, name: str) -> str:
    """`value` on one line; `name` is for the error."""
    for kinds, write in WRITERS:
        if isinstance(value, kinds):
            return write(value, name)
    raise TypeError(f"{name} is {type(value).__name__}, which TOML can't hold")


def array(items: Sequence[Any], name: str) -> str:
    return f"[{', '.join(literal(item, name) for item in items)}]"


def inline_table(table: Mapping[str, Any]) -> str:
    return f"{{{', '.join(f'{key(name)} = {literal(value, name)}' for name, value in table.items())}}}"


def text_literal(text: str) -> str:
    """JSON's escapes are TOML's too; only DEL, which JSON leaves as it is, TOML wants escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# The first that fits: bool goes before int, which it is a kind of.
WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any, str], str]], ...] = (
    (bool, lambda value, _: "true" if value else "false"),
    (int, lambda value, _: str(int(value))),
    (float, lambda value, _: repr(float(value))),  # numpy's floats are floats too, with a repr of their own
    ((str, PurePath), lambda value, _: text_literal(str(value))),
    ((datetime, date, time), lambda value, _: value.isoformat()),
    ((list, tuple), array),
    (Mapping, lambda value, _: inline_table(value)),
)
