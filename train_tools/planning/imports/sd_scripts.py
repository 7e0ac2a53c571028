"""Settings from sd-scripts itself: its --config_file, its dataset_config, or a command line or script that calls it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from train_tools.arguments.config_file import flattened
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import UsageError
from train_tools.families.interface import BASE, Family
from train_tools.families.known import Known
from train_tools.families.registry import FAMILIES, USUAL, family_of_script, is_told, meant, refined
from train_tools.planning.imports.assumed import DATA
from train_tools.planning.imports.dataset_config import DATASET_KEYS, describes_datasets, take_datasets
from train_tools.planning.imports.imported import Collector, Imported
from train_tools.planning.pasted import parse_what_is_right


def from_config(data: Mapping[str, Any], family: str = "") -> Imported:
    """From a --config_file's data, a dataset_config's, or both in one; the family is told, or guessed."""
    has_datasets = describes_datasets(data)
    flat = {
        key: value
        for key, value in flattened(data).items()
        if not (has_datasets and key in ("datasets", "subsets"))
    }
    if has_datasets:
        of_datasets = data.get("general")
        named = of_datasets if isinstance(of_datasets, Mapping) else {}
        flat = {key: value for key, value in flat.items() if not (key in named and key in DATASET_KEYS)}
    has_training = any(key in ARGUMENTS for key in flat)
    source = "sd-scripts dataset_config" if has_datasets and not has_training else "sd-scripts config file"
    into = Collector(source, *_family(family, flat))
    for key, value in flat.items():
        if key not in ("max_train_epochs", "max_train_steps"):
            into.take(key, value)
    into.take_epochs("max_train_epochs", flat.get("max_train_epochs"), flat.get("max_train_steps"))
    if has_datasets:
        take_datasets(into, data)
    if has_training or not has_datasets:
        # Without images in it, a dataset_config is given beside it.
        beside = {} if has_datasets or any(name in flat for name in DATA) else {"dataset_config": True}
        is_whole = into.is_whole({**flat, **beside, **({"datasets": True} if has_datasets else {})})
        into.assume_defaults(is_whole, _in_dataset_config({**flat, **beside}))
    return into.result()


def from_command_line(text: str, family: str = "") -> Imported:
    """Raises UsageError where it holds no argument that sd-scripts would take."""
    pasted = parse_what_is_right(text)
    script = family_of_script(pasted.script)
    into = Collector("command line", *_family(family or _of_script(script, pasted.values), pasted.values))
    for name, value in pasted.values.items():
        if name not in ("max_train_epochs", "max_train_steps"):
            into.take_value(f"--{name}", name, value)
    into.take_epochs(
        "max_train_epochs", pasted.values.get("max_train_epochs"), pasted.values.get("max_train_steps")
    )
    for name, reason in pasted.left_out.items():
        into.leave(name, None, reason)
    if pasted.script:
        given = {name.removeprefix("--"): True for name in (*pasted.values, *pasted.left_out)}
        into.assume_defaults(into.is_whole(given), _in_dataset_config(given))
    return into.result()


def _in_dataset_config(arguments: Mapping[str, Any]) -> Collection[str]:
    """What that other file says, if there is one."""
    return ("enable_bucket", "max_bucket_reso") if arguments.get("dataset_config") else ()


def _family(told: str, arguments: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(family, the program whose arguments these are, whether the family is guessed)."""
    found = told or told_family(arguments)
    return found or guessed_family(arguments), "sd-scripts", not found


def told_family(arguments: Mapping[str, Any]) -> str:
    """By what only one family has, as its network module; empty where they don't say."""
    found = _by_fixed(arguments) or _by_files(arguments) or _by_module(arguments) or _by_names(arguments)
    return found.name if found else ""


def _by_fixed(arguments: Mapping[str, Any]) -> Family | None:
    return next((family for family in FAMILIES if is_told(family, arguments)), None)


def _by_files(arguments: Mapping[str, Any]) -> Family | None:
    """The one that needs most of the further files that are named."""
    wanted = {
        family.name: [name for name in family.training.required if name not in (BASE, "vae")]
        for family in FAMILIES
    }
    named = [
        family
        for family in FAMILIES
        if wanted[family.name] and all(arguments.get(name) for name in wanted[family.name])
    ]
    return max(named, key=lambda family: len(wanted[family.name]), default=None)


def _by_module(arguments: Mapping[str, Any]) -> Family | None:
    module, usual = str(arguments.get("network_module")), USUAL.training.network_modules[0]
    named = (family for family in FAMILIES if family.training.network_modules[0] == module != usual)
    return next(named, None)


def _by_names(arguments: Mapping[str, Any]) -> Family | None:
    """By arguments that only some families have, or that are given for one alone."""
    known = [
        name for name, value in arguments.items() if name in ARGUMENTS and value not in (None, "", False)
    ]
    fitting = [
        family for family in FAMILIES if all(ARGUMENTS[name].is_known_in(family.name) for name in known)
    ]
    if fitting and USUAL not in fitting:
        return fitting[0]
    return next((family for family in FAMILIES if any(map(arguments.get, family.words.given_with))), None)


def guessed_family(arguments: Mapping[str, Any]) -> str:
    """As told, else by the base model's name; the usual one where nothing says otherwise."""
    if told := told_family(arguments):
        return told
    file = re.split(r"[/\\]", str(arguments.get(BASE) or ""))[-1]
    found = meant(file.rpartition(".")[0] or file)
    if isinstance(found, Known):
        raise UsageError(found.refusal(f"the base model {file}"))
    return (found or USUAL).name


def _of_script(script: Family | None, arguments: Mapping[str, Any]) -> str:
    return refined(script, arguments).name if script else ""
