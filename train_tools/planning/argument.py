"""What is known of one training argument: its type, default, range and help, stated once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["int", "float", "str", "bool", "list", "int_or_ratio", "size"]
Importance = Literal["beginner", "usual", "expert"]
SAME = object()  # "our default is sd-scripts' own"

# Kinds whose one value may hold commas or blanks; several values of theirs are separated by `;`.
WITH_COMMAS: tuple[Kind, ...] = ("list", "size")


@dataclass(frozen=True)
class Argument:
    """One argument under sd-scripts' name.

    `default` is ours; where it isn't `sd_default`, `reason` says why. `short` stands for the name
    in run names. `minimum` and `maximum` are inclusive. A `size` is text like "512,768" (width,
    height in pixels); an `int_or_ratio` is a count, or a share of the whole where it is below 1.
    """

    name: str
    kind: Kind
    sd_default: Any
    default: Any
    reason: str
    choices: tuple[str | int, ...]
    minimum: float | None
    maximum: float | None
    help: str
    help_zh: str
    short: str
    importance: Importance
    is_text: bool

    @property
    def separator(self) -> str:
        """What stands between several values in one text."""
        return ";" if self.kind in WITH_COMMAS or self.is_text else ","

    @property
    def allows_none(self) -> bool:
        return self.sd_default is None

    @property
    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}" + (", none" if self.allows_none else "")
        words = {
            "int": "a whole number",
            "float": "a number",
            "str": "text",
            "bool": "true or false",
            "list": "words separated by blanks, as in 'weight_decay=0.1 betas=0.9,0.99'",
            "int_or_ratio": "a whole number of steps, or a share of all steps below 1",
            "size": "WIDTH,HEIGHT or SIDE in pixels; several separated by ';'",
        }[self.kind]
        if self.minimum is not None and self.maximum is not None:
            words += f" from {self.minimum:g} to {self.maximum:g}"
        elif self.minimum is not None:
            words += f" of at least {self.minimum:g}"
        return words + (", or none" if self.allows_none and self.kind not in ("str", "list") else "")


def row(
    name: str,
    kind: Kind,
    sd_default: Any,
    help: str,
    help_zh: str,
    *,
    ours: Any = SAME,
    reason: str = "",
    choices: tuple[str | int, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    short: str = "",
    importance: Importance = "usual",
    is_text: bool = False,
) -> Argument:
    """A row of the table; `is_text` marks free text in which commas are ordinary."""
    default = sd_default if ours is SAME else ours
    if kind == "float" and default is not None:
        default, sd_default = float(default), None if sd_default is None else float(sd_default)
    return Argument(
        name, kind, sd_default, default, reason, choices, minimum, maximum, help, help_zh, short or name,
        importance, is_text,
    )  # fmt: skip
