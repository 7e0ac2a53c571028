"""The table against sd-scripts' own argument parsers.

`data/arguments_of_sd_scripts_48d368fa.tsv` was read off the parsers of all seven LoRA trainers of kohya-ss/sd-scripts
at commit 48d368fa (February 2026): argument, trainers (`*`: all), type (`*` behind it: several), default, choices.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from train_tools.arguments.argument import Argument
from train_tools.arguments.current import argument_named
from train_tools.arguments.table import ARGUMENTS, KNOWN, ROWS
from train_tools.arguments.values import parse_values
from train_tools.engines.packed import config, support
from train_tools.errors import UsageError
from train_tools.families.interface import Family
from train_tools.families.registry import BY_NAME, FAMILIES, family_named, family_of_script

DATA = Path(__file__).parent / "data" / "arguments_of_sd_scripts_48d368fa.tsv"
TYPES = {
    ("int", ""): "int",
    ("float", ""): "float",
    ("str", ""): "str",
    ("bool", ""): "flag",
    ("list", ""): "str*",
    ("list", "numbers"): "float*",
    ("float", "several"): "float*",
    ("int_or_ratio", ""): "int_or_float",
    ("size", ""): "str",
}
# Where the table knows more than sd-scripts' parser: the parser takes any text and the program fails later.
NARROWER = {"optimizer_type", "lr_scheduler"}
# A parser's float that may be a count of steps or a share of them.
OTHER_TYPES = {"token_warmup_step": "float"}


def parsers() -> dict[str, dict[str, dict[str, str]]]:
    """Trainer -> argument -> its line."""
    found: dict[str, dict[str, dict[str, str]]] = {trainer_of(family): {} for family in FAMILIES}
    with DATA.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            for trainer in found if line["trainers"] == "*" else line["trainers"].split():
                found[trainer][line["argument"]] = line
    return found


def trainer_of(family: Family) -> str:
    return family.training.script.removesuffix("train_network.py").rstrip("_") or "sd"


PARSERS = parsers()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_argument_of_every_family_is_as_sd_scripts_has_it(family: Family) -> None:
    parser = PARSERS[trainer_of(family)]
    assert {row.name for row in ROWS if row.is_known_in(family.name)} == set(parser)
    for name, line in parser.items():
        row = ARGUMENTS[name]
        assert type_of(row) == line["type"], name
        default = json.loads(line["default"])
        assert row.sd_default_in(family.name) == default, name
        assert isinstance(default, bool) == isinstance(row.sd_default, bool), name
        if name not in NARROWER:
            assert set(row.choices_in(family.name)) == set(json.loads(line["choices"])), name


def type_of(row: Argument) -> str:
    more = "several" if row.is_several else "numbers" if row.are_numbers else ""
    return OTHER_TYPES.get(row.name) or TYPES[row.kind, more]


def test_a_row_says_all_that_is_asked_of_it() -> None:
    for row in ROWS:
        assert bool(row.reason) == (row.default != row.sd_default), row.name
        assert set(row.families) | set(row.acts_in) <= set(BY_NAME), row.name
        assert set(row.sd_defaults) | set(row.family_choices) <= set(row.families), row.name
        if row.name in KNOWN and row.default not in (None, ""):
            assert parse_values(row, row.default) == [row.default], row.name
        for dependency in (*row.needs, *row.excludes):
            assert dependency.other in KNOWN, row.name
            assert set(dependency.families) <= set(BY_NAME), row.name
    assert len({row.short for row in ROWS}) == len(ROWS)


def test_a_familys_own_defaults_are_arguments_that_it_knows() -> None:
    for family in FAMILIES:
        for name, value in family.training.defaults.items():
            row = argument_named(name)
            assert row.is_known_in(family.name), (family.name, name)
            assert parse_values(row, value) == [value]
        for name in (*family.training.required, *family.training.optional):
            assert argument_named(name).is_known_in(family.name), (family.name, name)
        step = {"bucket_reso_steps": 64, **family.training.defaults}["bucket_reso_steps"]
        assert step % family.training.bucket_step == 0
    assert family_named("Illustrious").name == family_named(" SDXL ").name == "sdxl"
    assert family_named("FLUX.1").training.script == "flux_train_network.py"
    with pytest.raises(UsageError, match="there are: sd1, sd2, sdxl"):
        family_named("dalle")
    found = family_of_script("sd3_train_network.py")
    assert found is not None
    assert found.name == "sd3"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("output_dir", "folder of its own; leave it out"),
        ("use_8bit_adam", "set optimizer_type=AdamW8bit"),
        ("caption_extention", "set caption_extension"),
        ("netwrok_dim", "did you mean network_dim"),
        ("lr", r"did you mean learning_rate\?"),
    ],
)
def test_what_a_person_cant_set_is_explained(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        argument_named(name)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in KNOWN], ids=lambda row: row.name)
def test_packed_refuses_by_name_what_it_doesnt_know(row: Argument) -> None:
    known = {*config.ROWS, *support.WITHOUT_EFFECT, *support.SAID, *support.ONLY}
    for value in off_default(row):
        reasons = support.unsupported({"max_train_epochs": 1, "optimizer_type": "AdamW", row.name: value})
        assert row.name in known or any(row.name in reason for reason in reasons), value


def off_default(row: Argument) -> list[Any]:
    """Values that mean something else than sd-scripts' default; 0 of a number that is none by default is off."""
    if row.choices:
        return [choice for choice in row.choices if choice != row.sd_default]
    if row.kind == "bool":
        return [not row.sd_default]
    if row.kind in ("int", "float", "int_or_ratio"):
        samples = [0, 1, 0.5, 700] if row.kind != "int" else [0, 1, 700]
        return [n for n in samples if n != (row.sd_default or 0)]
    return [["a=1"]] if row.kind == "list" else ["64,64"] if row.kind == "size" else ["x"]


def test_packed_knows_only_arguments_that_exist() -> None:
    # What a person says of the base model is no argument of sd-scripts, but stands in run.toml where it counts.
    known = set(config.ROWS) | support.WITHOUT_EFFECT
    assert (known | support.SAID | set(support.ONLY)) - {"family"} <= set(ARGUMENTS)


def test_packed_states_each_argument_once_and_takes_sd_scripts_default() -> None:
    assert not set(config.ROWS) & (support.WITHOUT_EFFECT | support.SAID | set(support.ONLY))
    defaults = {field.name: field.default for field in dataclasses.fields(config.RunConfig)}
    for name, (field, row) in config.ROWS.items():
        expected = ARGUMENTS[name].sd_default if name in ARGUMENTS else None
        assert expected is None or row.read(expected) == defaults[field], name


def test_the_table_is_loaded_alone() -> None:
    code = "import sys, train_tools.arguments.table; print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
