"""What is known of one training argument: its type, default, range, families and help, stated once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from train_tools.arguments.wording import Wording, wording_of

Kind = Literal["int", "float", "str", "bool", "list", "int_or_ratio", "size"]
Importance = Literal["beginner", "usual", "expert"]
CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")  # pytorch_optimizer.CAME
SAME = object()  # "our default is sd-scripts' own"
# Why a grid doesn't vary them: the same LoRA comes out.
SAME_RESULT = "it doesn't change what is trained"
MEASURES = "it only measures"
# Why Train Tools alone gives it, of a setting of the program.
SECRET = "it is a secret, and a version's files are copied and shared; set {} in the program's settings"
# What sd-scripts does with a text.
#     plain     read as numbers or words, or looked up among what there is
#     prose     words for a person or a model
#     reads     a model's file or folder
#     pictures  a folder of pictures
#     further   a file that names further files
#     pickle    what can hold code
#     writes    a place that is written to
#     part      a part of a path or of a file's name
#     code      a module or class that is run
#     account   sent to, or taken from, somebody's account
#     unknown   only the installed version knows
Opens = Literal[
    "", "plain", "prose", "reads", "pictures", "further", "pickle", "writes", "part", "code", "account", "unknown"
]  # fmt: skip

# Kinds whose one value may hold commas or blanks; several values of theirs are separated by `;`.
WITH_COMMAS: tuple[Kind, ...] = ("list", "size")


@dataclass(frozen=True)
class Dependency:
    """What another argument must be (`needs`) or may not be (`excludes`) where this one is set.

    `values` are the other's; empty: anything that switches it on. `when` are this one's values at which it
    counts, empty: all that switch it on; `families` likewise. `is_fatal`: sd-scripts ends with an error;
    else it trains, but this argument does nothing or something else than meant.
    """

    other: str
    values: tuple[Any, ...]
    because: str
    when: tuple[Any, ...] = ()
    families: tuple[str, ...] = ()
    is_fatal: bool = True


@dataclass(frozen=True)
class Argument:
    """One argument under sd-scripts' name.

    `default` is ours; where it isn't `sd_default`, `reason` says why. `short` stands for the name
    in run names. `minimum` and `maximum` are inclusive. A `size` is text like "512,768" (width,
    height in pixels), or several at once (`sizes`); an `int_or_ratio` is a count, or a share of the whole where it is
    below 1.

    `families` know it and `acts_in` heed it; empty: all. `sd_defaults` and `family_choices` hold what differs in a
    family. `reads` turns other words into a choice, or raises UsageError. `is_open`: besides its choices it takes a
    class by its module. `is_several`: one value may be several numbers. `are_numbers`: a list's items are numbers,
    and whole ones where they `are_whole`. `is_path`: it names a file or folder, or a list of them. `not_an_axis` says
    why a grid can't vary it. `chosen_by_us`: what Train Tools itself gives it. `instead` is the argument, and its
    value, that an old name stands for; None takes over the given one. `opens` is what sd-scripts does with the text.
    `same_result`: whatever its value, the same LoRA comes out, so that no run's name or identity says it.
    `is_required`: none isn't a value. `is_installed`: the installed sd-scripts has it, and the table doesn't; `said` is
    what it says of it. What a person reads of it stands in `words/`.
    """

    name: str
    kind: Kind
    sd_default: Any
    default: Any
    reason: str
    choices: tuple[str | int, ...]
    minimum: float | None
    maximum: float | None
    short: str
    importance: Importance
    is_text: bool
    families: tuple[str, ...] = ()
    acts_in: tuple[str, ...] = ()
    sd_defaults: Mapping[str, Any] = field(default_factory=dict)
    family_choices: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    is_open: bool = False
    reads: Callable[[str], str] | None = None
    is_several: bool = False
    are_numbers: bool = False
    are_whole: bool = False
    is_path: bool = False
    is_secret: bool = False
    opens: Opens = ""
    same_result: bool = False
    is_required: bool = False
    not_an_axis: str = ""
    chosen_by_us: str = ""
    instead: tuple[str, Any] | None = None
    needs: tuple[Dependency, ...] = ()
    excludes: tuple[Dependency, ...] = ()
    is_installed: bool = False
    said: str = ""

    @property
    def words(self) -> Wording:
        return wording_of(self.name, self.said)

    @property
    def separator(self) -> str:
        """What stands between several values in one text."""
        return ";" if self.kind in WITH_COMMAS or self.is_text else ","

    @property
    def allows_none(self) -> bool:
        return self.sd_default is None and not self.is_required

    @property
    def must_exist(self) -> bool:
        """Whether it names what must be there before the training."""
        return self.opens in ("reads", "pictures", "further", "pickle")

    @property
    def is_axis(self) -> bool:
        return not self.not_an_axis and not self.chosen_by_us and self.instead is None

    def takes_class(self, value: Any) -> bool:
        return self.is_open and CLASS.fullmatch(str(value)) is not None

    def is_known_in(self, family: str) -> bool:
        """Whether the family's script has this argument at all."""
        return not self.families or family in self.families

    def sd_default_in(self, family: str) -> Any:
        return self.sd_defaults.get(family, self.sd_default)

    def choices_in(self, family: str) -> tuple[str | int, ...]:
        return self.family_choices.get(family, self.choices)

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
            "size": "WIDTH,HEIGHT or SIDE in pixels, several at once as in 512+768; values of a grid are separated "
            "by ';'",
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
    *,
    ours: Any = SAME,
    reason: str = "",
    short: str = "",
    importance: Importance = "usual",
    choices: tuple[str | int, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    is_text: bool = False,
    **more: Any,
) -> Argument:
    """A row of the table; `is_text` marks free text in which commas are ordinary, `more` is as in Argument."""
    default = sd_default if ours is SAME else ours
    if kind == "float" and default is not None:
        default, sd_default = float(default), None if sd_default is None else float(sd_default)
    more.setdefault("same_result", more.get("not_an_axis") in (SAME_RESULT, MEASURES))
    if is_text:
        more.setdefault("opens", "prose")
    return Argument(
        name, kind, sd_default, default, reason, choices, minimum, maximum, short or name, importance,
        is_text, **more,
    )  # fmt: skip


def flag(name: str, **more: Any) -> Argument:
    """A row that is off unless given."""
    return row(name, "bool", False, **more)


def path(name: str, **more: Any) -> Argument:
    """A row that names a file or folder, a model's where nothing else is said; none unless given."""
    return row(name, "str", None, is_path=True, **{"opens": "reads", **more})


def depends(other: str, *values: Any, because: str, **more: Any) -> tuple[Dependency, ...]:
    """One entry for `needs` or `excludes`, as a tuple, so that entries are added with `+`."""
    return (Dependency(other, values, because, **more),)
