"""A checkout with trainers that have real parsers: those of sd-scripts 48d368fa, with changes as another version has.

The arguments are read off `tests/arguments/data`, which was read off the real parsers. Training is the stand-in's.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from engines.sd_scripts import stand_in

DATA = Path(__file__).parents[2] / "arguments" / "data" / "arguments_of_sd_scripts_48d368fa.tsv"
NETWORKS = ("lora", "lora_fa", "dylora", "oft", "lora_flux", "lora_sd3")
LIBRARY = """\
import argparse

ARGUMENTS = {arguments!r}
TYPES = {{"int": int, "float": float, "str": str, "int_or_float": lambda text: float(text)}}
TYPES["int_or_float"].__name__ = "int_or_float"


def parser_of(trainer):
    parser = argparse.ArgumentParser()
    for name, words in ARGUMENTS.items():
        words = dict(words)
        if trainer not in words.pop("trainers", [trainer]):
            continue
        if "type" in words:
            words["type"] = TYPES[words["type"]]
        parser.add_argument("--" + name, **words)
    return parser
"""
# Behind the stand-in's own text, whose `main` has run by then where it is started.
TRAINER = """

def setup_parser():
    from library import train_util

    return train_util.parser_of({trainer!r})
"""
NETWORK = "def create_network(multiplier, network_dim, **kwargs):\n    raise NotImplementedError\n"


def checkout(
    folder: Path,
    *,
    more: Mapping[str, Mapping[str, Any]] | None = None,
    less: Collection[str] = (),
    networks: Collection[str] = NETWORKS,
) -> Path:
    """`more` are words of `add_argument` by the argument's name; `trainers` among them are those that have it."""
    stand_in.checkout(folder)
    for script in stand_in.SCRIPTS:
        trainer = script.removesuffix("train_network.py").rstrip("_") or "sd"
        with (folder / script).open("a", encoding="utf-8") as file:
            file.write(TRAINER.format(trainer=trainer))
    for package in ("library", "networks"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    for name in networks:
        (folder / "networks" / f"{name}.py").write_text(NETWORK, encoding="utf-8")
    (folder / "networks" / "merge_lora.py").write_text("def merge():\n    pass\n", encoding="utf-8")
    change(folder, more or {}, less)
    return folder


def change(folder: Path, more: Mapping[str, Mapping[str, Any]], less: Collection[str] = ()) -> None:
    known = {name: words for name, words in _known().items() if name not in less}
    text = LIBRARY.format(arguments={**known, **{name: dict(words) for name, words in more.items()}})
    (folder / "library" / "train_util.py").write_text(text, encoding="utf-8")


def _known() -> dict[str, dict[str, Any]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        words: dict[str, Any] = {"help": f"{line['argument']} of 100%"}
        if line["trainers"] != "*":
            words["trainers"] = line["trainers"].split()
        if line["type"] == "flag":
            words["action"] = "store_true"
        else:
            words["type"] = line["type"].rstrip("*")
            words["default"] = json.loads(line["default"])
            if line["type"].endswith("*"):
                words["nargs"] = "*"
            if choices := json.loads(line["choices"]):
                words["choices"] = choices
        # A family whose default is its own has a line of its own: the first one's is enough here.
        found.setdefault(line["argument"], words)
    return found
