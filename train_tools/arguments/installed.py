"""What the installed sd-scripts says of its trainers' arguments, and the table's rows with that laid over them.

Arguments that the table doesn't have become rows of their own. Choices are the installed version's; a default of the
table stays what it is, so that a plan means the same whatever is installed (engines/sd_scripts/installed.py says it
aloud where the version has another).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.arguments.argument import Argument, Kind, Opens
from train_tools.families.interface import Family
from train_tools.families.registry import FAMILIES

# What its parser takes as any text, and the table knows more narrowly: its help names what there is.
NAMED_IN_HELP = ("optimizer_type", "lr_scheduler")
FEWEST_NAMED = 3  # of the table's that a help must name before the others in it are believed
SWITCHES = ("StoreTrue", "StoreFalse", "BooleanOptional")
LISTS = ("Append", "Extend")
NUMBERS: Mapping[str, Kind] = {"int": "int", "float": "float", "int_or_float": "int_or_ratio"}
SECRET = re.compile(r"(^|_)(api_key|access_key|password|secret|token)$")


@dataclass(frozen=True)
class Said:
    """One argument as a trainer's parser has it."""

    action: str
    type: str | None
    default: Any
    choices: tuple[Any, ...] | None
    nargs: str | int | None
    const: Any
    help: str


@dataclass(frozen=True)
class Installed:
    """`trainers` are by their file's name; `silent` those that gave no answer; `networks` what network_module can name.

    `name` is for a person, as `sd-scripts v0.9.1`.
    """

    name: str
    trainers: Mapping[str, Mapping[str, Said]]
    silent: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def of(self, family: Family) -> Mapping[str, Said] | None:
        """What the family's trainer knows; None where it wasn't asked."""
        return self.trainers.get(family.training.script)


@dataclass(frozen=True)
class Rows:
    """`changed` are the table's own by their names, `added` those that it doesn't have."""

    changed: Mapping[str, Argument] = field(default_factory=dict)
    added: tuple[Argument, ...] = ()


def read_installed(
    name: str,
    scripts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    failed: Mapping[str, str],
    networks: tuple[str, ...],
) -> Installed:
    """From what environment.sd_scripts_asked keeps. Raises KeyError or TypeError where it is something else."""
    trainers = {script: {n: _said(one) for n, one in found.items()} for script, found in scripts.items()}
    return Installed(name, trainers, tuple(failed), networks)


def _said(one: Mapping[str, Any]) -> Said:
    choices = one["choices"]
    return Said(
        action=str(one["action"]),
        type=one["type"],
        default=one["default"],
        choices=None if choices is None else tuple(choices),
        nargs=one["nargs"],
        const=one["const"],
        help=str(one["help"]),
    )


def laid_over(rows: Mapping[str, Argument], installed: Installed, taken: frozenset[str]) -> Rows:
    """`rows` are the table's; `taken` are names of settings of ours, which mean something else here."""
    asked = {family.name: said for family in FAMILIES if (said := installed.of(family)) is not None}
    names = dict.fromkeys(name for said in asked.values() for name in said)
    changed: dict[str, Argument] = {}
    added: list[Argument] = []
    for name in names:
        said = {family: found[name] for family, found in asked.items() if name in found}
        if name in rows:
            row = _changed(rows[name], said)
            if row != rows[name]:
                changed[name] = row
        elif name not in taken:
            added.append(_added(name, said))
    return Rows(changed, tuple(added))


def _changed(row: Argument, said: Mapping[str, Said]) -> Argument:
    """With the families that know it by now, and the choices that they allow."""
    families = row.families and tuple(dict.fromkeys((*row.families, *said)))
    if row.name in NAMED_IN_HELP:
        known = {str(choice).lower() for choice in row.choices}
        texts = dict.fromkeys(one.help for one in said.values())
        more = [name for text in texts for name in named_in(text, known) if name.lower() not in known]
        return dataclasses.replace(row, families=families, choices=(*row.choices, *dict.fromkeys(more)))
    if row.kind == "bool":
        return dataclasses.replace(row, families=families)
    now = {
        family.name: _choices(said[family.name]) if family.name in said else row.choices_in(family.name)
        for family in FAMILIES
        if not families or family.name in families
    }
    if all(set(choices) == set(row.choices_in(family)) for family, choices in now.items()):
        return dataclasses.replace(row, families=families)
    every = dict.fromkeys(choice for choices in now.values() for choice in choices)
    return dataclasses.replace(
        row,
        families=families,
        # One family that takes anything takes what no other lists.
        choices=tuple(every) if all(now.values()) else (),
        family_choices={family: choices for family, choices in now.items() if set(choices) != set(every)},
    )


def named_in(help_text: str, known: set[str]) -> list[str]:
    """The names that stand behind the colon, separated by commas, as in `… to use: AdamW (default), Lion`."""
    _, _, listed = help_text.rpartition(": ")
    words = [word.strip() for word in re.split(r"[,()]", listed.partition(". ")[0].rstrip(". "))]
    names = [word for word in words if re.fullmatch(r"[A-Za-z]\w+", word) and word != "default"]
    return names if sum(name.lower() in known for name in names) >= FEWEST_NAMED else []


def _added(name: str, said: Mapping[str, Said]) -> Argument:
    first = next(iter(said.values()))
    kind = _kind(first)
    default = _default(kind, first)
    choices = tuple(dict.fromkeys(choice for one in said.values() for choice in _choices(one)))
    is_everywhere = len(said) == len(FAMILIES)
    return Argument(
        name=name,
        kind=kind,
        sd_default=default,
        default=default,
        reason="",
        choices=choices,
        minimum=None,
        maximum=None,
        short=name,
        importance="expert",
        is_text=False,
        families=() if is_everywhere else tuple(said),
        sd_defaults={f: d for f, one in said.items() if (d := _default(kind, one)) != default},
        family_choices={f: c for f, one in said.items() if set(c := _choices(one)) != set(choices)},
        are_numbers=kind == "list" and first.type in NUMBERS,
        are_whole=kind == "list" and first.type == "int",
        is_path=first.type == "Path",
        is_secret=bool(SECRET.search(name)),
        opens=_opens(kind),
        not_an_axis="it is a secret" if SECRET.search(name) else "",
        is_installed=True,
        said=first.help or f"--{name} of the installed sd-scripts, which says nothing of it.",
    )


def _kind(said: Said) -> Kind:
    if said.action == "Count":
        return "int"
    if said.action in SWITCHES or (said.action == "StoreConst" and isinstance(said.const, bool)):
        return "bool"
    if _is_word(said):
        return "str" if isinstance(said.const, str) else "float" if isinstance(said.const, float) else "int"
    if said.action in LISTS or said.nargs not in (None, "?"):
        return "list"
    if said.type is not None and said.type in NUMBERS:
        return NUMBERS[said.type]
    if said.type not in (None, "str", "Path"):  # a function of its own, of which the default tells more
        if "bool" in said.type or isinstance(said.default, bool):
            return "bool"
        if isinstance(said.default, (int, float)):
            return "float" if isinstance(said.default, float) else "int"
    return "str"


def _default(kind: Kind, said: Said) -> Any:
    if kind == "bool":
        return bool(said.default)
    if kind == "float" and isinstance(said.default, int):
        return float(said.default)
    return said.default


def _choices(said: Said) -> tuple[Any, ...]:
    if _is_word(said):
        return (said.const,)
    return tuple(choice for choice in said.choices or () if choice is not None)


def _is_word(said: Said) -> bool:
    """A switch that stands for one value, which is no switch in a file."""
    return said.action == "StoreConst" and not isinstance(said.const, bool)


def _opens(kind: Kind) -> Opens:
    """What is done with a text nobody here has read."""
    return "unknown" if kind in ("str", "list") else "plain"
