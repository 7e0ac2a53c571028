"""The training settings of a version as the page's fields hold them: texts; and saving them without losing another's.

A page says for each change which text it had seen before. What somebody else has changed since isn't overwritten: it is
a conflict, and the page asks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from train_tools.arguments.current import argument_named, current
from train_tools.arguments.options import RULES
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.catalogue import SECTION, check_training
from train_tools.planning.rules import parse_exclusion, parse_override
from train_tools.planning.setting_text import setting_text
from train_tools.workspace import settings
from train_tools.workspace.lock import writing
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class Shown:
    """`values` are those that are set, as texts; `unknown` stand in the file and mean nothing."""

    values: dict[str, str]
    unknown: list[str]
    revision: str


@dataclass(frozen=True)
class Saved:
    """`errors` and `conflicts` weren't saved: a sentence, and the text that is there now."""

    shown: Shown
    errors: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)


def read(version: Version) -> Shown:
    given = settings.read(version)[SECTION]
    known = current().known
    values = {
        name: setting_text(known[name], value)
        for name, value in given.items()
        if name in known and value != ""
    }
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    unknown = [name for name in given if name not in known]
    return Shown(values, unknown, hashlib.sha256(text.encode()).hexdigest()[:16])


def save(
    version: Version, changes: Mapping[str, str], seen: Mapping[str, str], refuse: Callable[[str, str], None]
) -> Saved:
    """`seen` are the texts that the page had before; `refuse` raises UsageError for what this page may not set.

    Raises UsageError where another process is writing into the version.
    """
    errors = {name: why for name, text in changes.items() if (why := _fault(name, text, refuse))}
    with writing(version, "changing settings"):
        now = read(version).values
        conflicts = {
            name: now.get(name, "")
            for name, text in changes.items()
            if name not in errors and now.get(name, "") not in (seen.get(name, ""), text)
        }
        right = {name: text for name, text in changes.items() if name not in errors and name not in conflicts}
        if right:
            settings.update(version, SECTION, {name: text or None for name, text in right.items()})
        return Saved(read(version), errors, conflicts)


def _fault(name: str, text: str, refuse: Callable[[str, str], None]) -> str:
    """Why this text can't be; what doesn't fit together is the plan's to say."""
    try:
        check_training({name: text})
        if text and name in RULES:
            check_rules(name, text)
        refuse(name, text)
    except UsageError as error:
        return str(error)
    return ""


def check_rules(option: str, text: str) -> None:
    """Raises UsageError for a rule that can't be read."""
    for rule in parse_values(argument_named(option), text):
        if option == "overrides":
            parse_override(rule)
        elif option == "exclude":
            parse_exclusion(rule)
        else:
            for name in rule.split("+"):
                argument_named(name.strip())


def texts_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Settings from elsewhere, as texts; "" where None takes them back to the default."""
    known = current().known
    return {n: "" if value is None else setting_text(known[n], value) for n, value in values.items()}
