"""Every setting in one form, whatever states it; the command line, the page and the documentation show it."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# What a setting takes, by the name of its kind; in English and Chinese.
KINDS: Mapping[str, tuple[str, str]] = {
    "bool": ("true or false", "true 或 false"),
    "int": ("a whole number", "整数"),
    "float": ("a number", "数字"),
    "str": ("text", "文本"),
    "size": ("WIDTH,HEIGHT, SIDE, or SIDE+SIDE in pixels", "宽,高、边长 或 边长+边长，单位像素"),
    "int_or_ratio": ("a whole number, or a share below 1", "整数，或小于 1 的比例"),
    "list": ("words separated by blanks", "以空格分隔的词"),
}
LANGUAGES = ("en", "zh")
SIGNS: Mapping[str, tuple[str, str]] = {
    ",": ("commas", "逗号"),
    ";": ("semicolons", "分号"),
    "|": ("|", " | "),
    "\n": ("new lines", "换行"),
}


@dataclass(frozen=True)
class Entry:
    """One setting. `default` is as text; `minimum` and `maximum` are inclusive.

    `separator` stands between several values in one text, empty where there is only one; `is_axis` tells that
    several values make several results to compare. `may_be_none` means that `none` is a value.
    """

    section: str
    name: str
    kind: str
    default: str
    help: str
    zh: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    separator: str = ""
    is_axis: bool = False
    may_be_none: bool = False

    def help_in(self, language: str) -> str:
        """English where there is no Chinese."""
        return self.zh or self.help if language == "zh" else self.help

    def allowed_in(self, language: str) -> str:
        """What it takes, e.g. `a whole number from 8 to 8192, or none`."""
        is_zh = language == "zh"
        text = ("、" if is_zh else ", ").join(self.choices) if self.choices else KINDS[self.kind][is_zh]
        if not self.choices:
            text += _range_zh(self.minimum, self.maximum) if is_zh else _range(self.minimum, self.maximum)
        if self.may_be_none:
            text += "，或 none" if is_zh else ", or none"
        if self.separator:
            sign = SIGNS.get(self.separator, (self.separator, self.separator))[is_zh]
            text += f"；多个值用{sign}分隔" if is_zh else f"; several are separated by {sign}"
        return text

    def takes_in(self, language: str) -> str:
        """The same as a sentence; empty where a switch or a choice shows it."""
        if self.kind == "bool" or (self.choices and not self.is_axis and not self.separator):
            return ""
        allowed = self.allowed_in(language)
        return f"可填：{allowed}。" if language == "zh" else f"It takes {allowed}."


def _range(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum:.10g} to {maximum:.10g}"
    if minimum is not None:
        return f" of at least {minimum:.10g}"
    return f" up to {maximum:.10g}" if maximum is not None else ""


def _range_zh(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f"，{minimum:.10g} 到 {maximum:.10g}"
    if minimum is not None:
        return f"，不小于 {minimum:.10g}"
    return f"，不大于 {maximum:.10g}" if maximum is not None else ""


def entries_of(section: str, cls: type[DataclassInstance]) -> list[Entry]:
    """The settings of a dataclass whose fields are made by `settings.setting`, in their order."""
    types = typing.get_type_hints(cls)
    entries = []
    for field in fields(cls):
        known = field.metadata
        is_list = typing.get_origin(types[field.name]) is tuple
        kind = typing.get_args(types[field.name])[0] if is_list else types[field.name]
        separator = "" if not is_list else known.get("separator", ",")
        entries.append(
            Entry(
                section=section,
                name=field.name,
                kind=kind.__name__ if kind.__name__ in KINDS else "str",
                default=as_text(field.default, separator),
                help=known["help"],
                zh=known.get("zh", ""),
                choices=tuple(map(str, known.get("choices", ()))),
                minimum=known.get("minimum"),
                maximum=known.get("maximum"),
                separator=separator,
                is_axis=known.get("axis", False),
            )
        )
    return entries


def as_text(value: Any, separator: str = ",") -> str:
    """As a person writes it: `true`, `0,0.5,1`, `none`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return separator.join(as_text(item) for item in value)
    if value is None:
        return "none"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
