"""The arrows of the house: who may import whom, and what may not be imported where."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import train_tools
from train_tools.families.registry import FAMILIES

ROOT = Path(train_tools.__file__).parent
NAME = "train_tools"

LOW = {"errors", "files"}  # `files`: what of `workspace` is everybody's, with the standard library alone
TOOLS = LOW | {"environment", "hosts", "lora", "families", "family models", "base_model", "small_models"}
# Package or module -> what of train_tools it may import. Each stands below those that name it.
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "known errors": set(),
    "drawing": {"errors"},
    "environment": LOW,
    "lora": LOW | {"environment"},
    "families": LOW | {"lora"},
    "hosts": LOW | {"environment", "lora"},
    "family models": LOW | {"lora", "families"},
    "base_model": LOW | {"environment", "families", "family models"},
    "small_models": LOW | {"base_model", "family models"},
    "lora tools": LOW | {"lora", "families", "family models", "base_model", "workspace"},
    "workspace": LOW | {"environment"},
    "messages": LOW | {"environment", "hosts", "workspace"},
    "dataset": TOOLS | {"workspace"},
    "tags": TOOLS | {"workspace", "dataset"},
    "captioning": TOOLS | {"workspace", "dataset", "tags"},
    "arguments": TOOLS | {"workspace"},
    "engines": TOOLS | {"workspace", "dataset", "arguments", "known errors"},
    "planning": TOOLS | {"workspace", "dataset", "tags", "arguments", "engines"},
    "preview": TOOLS | {"workspace", "dataset", "tags", "arguments", "engines", "planning"},
    "execution": TOOLS | {"workspace", "dataset", "arguments", "engines", "planning", "messages"},
    "doctor": TOOLS | {"workspace", "arguments", "planning", "execution", "known errors"},
    "compare": TOOLS
    | {"workspace", "dataset", "captioning", "arguments", "planning", "preview", "execution"},
    "publish": TOOLS | {"workspace", "dataset", "arguments", "planning", "preview", "execution", "compare"},
}
# Modules that are a part of their own: the safe writing of files is everybody's, `cli` is the commands' door, and
# what errors mean is asked by engines, too.
OWN = {
    "train_tools.workspace.files": "files",
    "train_tools.workspace.os_errors": "files",
    "train_tools.workspace.fields": "files",
    "train_tools.workspace.halfwidth": "files",
    "train_tools.workspace.toml": "files",
    "train_tools.workspace.catalogue": "files",
    "train_tools.cli": "commands",
    "train_tools.doctor.known": "known errors",
    # What loads and asks the models of a family needs torch; the tables of what families there are don't, and they
    # know how layers are called.
    "train_tools.families.stable_diffusion.names": "families",
    "train_tools.families.loading": "family models",
    # A service: it reads base models, too.
    "train_tools.lora.tools": "lora tools",
    "train_tools.families.stable_diffusion": "family models",
    **{f"train_tools.families.{family.name}.model": "family models" for family in FAMILIES},
}
# What trains, judges and packs up the small models is started by hand and stands above what it uses.
SCRIPTS = tuple(f"train_tools.small_models.{name}" for name in ("train_", "evaluate", "export"))
MAY_IMPORT["scripts"] = set(MAY_IMPORT)
MAY_IMPORT["ui"] = set(MAY_IMPORT) - {"scripts"}
MAY_IMPORT["commands"] = set(MAY_IMPORT) - {"scripts"}
MAY_IMPORT["__main__"] = {"commands", "environment"}

TORCH = {"torch", "torchvision", "diffusers", "transformers", "peft"}
# Part -> what isn't loaded with it, not even through others.
WITHOUT = {
    "files": TORCH | {"numpy", "PIL"},
    "workspace": TORCH | {"numpy", "PIL"},
    "families": TORCH | {"numpy", "PIL"},
    "arguments": TORCH | {"numpy", "PIL"},
    "planning": TORCH | {"numpy"},
    "execution": TORCH | {"numpy"},
    "commands": TORCH,
    "ui": TORCH,
}


@dataclass(frozen=True)
class Import:
    """`target` is a dotted module, or a name in one; `at_start` that it is imported with its module."""

    target: str
    line: int
    at_start: bool


def imports_of(source: str, module: str, is_package: bool) -> list[Import]:
    """All imports of a module's source, relative ones spelled out; those for type checkers alone are left out."""
    return list(
        found(ast.parse(source).body, module if is_package else module.rpartition(".")[0], at_start=True)
    )


def found(nodes: list[ast.stmt], package: str, at_start: bool) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_start)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{origin}.{alias.name}", node.lineno, at_start)
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            inner = at_start and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for block in ("body", "orelse", "finalbody", "handlers", "cases"):
                statements = getattr(node, block, [])
                yield from found(statements if isinstance(statements, list) else [], package, inner)


@cache
def modules() -> dict[str, list[Import]]:
    """Every module of the package by its dotted name, with its imports."""
    result = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = (NAME, *path.relative_to(ROOT).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        result[name] = imports_of(path.read_text(encoding="utf-8"), name, is_package)
    return result


# What draws inside sd-scripts' interpreter, with `errors` alone of all else of ours: its process, each family's part.
DRAWING = re.compile(
    rf"{NAME}\.(preview\.through_sd_scripts\.(process|studio|network)|families\.(\w+\.)?drawing)(\.|$)"
)


def part_of(module: str) -> str:
    """`train_tools.lora.kohya` -> `lora`; empty for `train_tools` itself, whose version anyone may read."""
    if module.startswith(SCRIPTS):
        return "scripts"
    if DRAWING.match(module):
        return "drawing"
    for name, part in OWN.items():
        if module == name or module.startswith(f"{name}."):
            return part
    return [*module.split("."), ""][1]


def wrong_arrows(module: str, imports: list[Import]) -> list[str]:
    part = part_of(module)
    problems = []
    for found_import in imports:
        top = found_import.target.split(".")[0]
        target = part_of(found_import.target) if top == NAME else ""
        where = f"{module}:{found_import.line} imports {found_import.target}"
        known = target in MAY_IMPORT
        if target and known and target != part and part and target not in MAY_IMPORT.get(part, set()):
            problems.append(f"{where}: {part} may not import {target}")
        if top == "modules" and part != "hosts":
            problems.append(f"{where}: only hosts may know a webui")
        if top in ("library", "networks") and part != "drawing":
            problems.append(f"{where}: only sd-scripts' interpreter has it")
        if part in ("environment", "__main__") and top != NAME and top not in sys.stdlib_module_names:
            problems.append(f"{where}: it must start with the standard library alone")
    return problems


def loaded_with(start: str, house: dict[str, list[Import]]) -> dict[str, str]:
    """What importing `start` imports at once, ours and others', each with the module that asked for it."""
    asked_by: dict[str, str] = {}
    waiting = [(start, start)]
    while waiting:
        name, asker = waiting.pop()
        if name in asked_by:
            continue
        asked_by[name] = asker
        parents = [name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)]
        waiting += [(parent, asker) for parent in parents]
        waiting += [(i.target, name) for i in house.get(name, []) if i.at_start]
    return asked_by


def heavy_imports(start: str, house: dict[str, list[Import]]) -> list[str]:
    loaded = loaded_with(start, house)
    unwanted = WITHOUT.get(part_of(start), set())
    return [f"{start} loads {name} through {asker}" for name, asker in loaded.items() if name in unwanted]


def test_every_part_has_its_place() -> None:
    parts = {part_of(module) for module in modules()} - {""}
    assert parts <= set(MAY_IMPORT), "give a new part its place in MAY_IMPORT"


def test_arrows_go_one_way() -> None:
    order = list(MAY_IMPORT)
    for part, targets in MAY_IMPORT.items():
        upward = {t for t in targets - {part} if part in MAY_IMPORT[t]}
        assert not upward, f"{part} and {upward} may import each other"
    assert order[0] == "errors"


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_arrows(module: str) -> None:
    assert wrong_arrows(module, modules()[module]) == []


# Where families are named from outside: what sd-scripts' arguments are known to, what a webui's own flags mean, and a
# field of another program that is called like one.
NAMES_FAMILIES = ("families", "arguments.schema", "hosts.webui", "planning.imports.easy_training")


def family_names_in(source: str) -> list[str]:
    """The families that a module's code names, in whatever way."""
    names = {family.name for family in FAMILIES}
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and node.value in names
    ]


def test_nobody_outside_compares_families_names() -> None:
    places = [tuple(f"{NAME}.{place}".split(".")) for place in NAMES_FAMILIES]
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = (NAME, *path.relative_to(ROOT).with_suffix("").parts)
        if any(parts[: len(place)] == place for place in places):
            continue
        if named := family_names_in(path.read_text(encoding="utf-8")):
            found[".".join(parts)] = named
    assert found == {}
    assert family_names_in('if base.name == "sdxl": pass') == ["sdxl"]


def test_opening_the_program_loads_no_torch() -> None:
    house = modules()
    problems = [problem for name in house for problem in heavy_imports(name, house)]
    assert problems == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        (
            "train_tools.workspace.names",
            "from train_tools.commands import output",
            "workspace may not import commands",
        ),
        ("train_tools.lora.kohya", "from ..planning.grid import expand", "lora may not import planning"),
        ("train_tools.lora.kohya", "from .. import planning", "lora may not import planning"),
        ("train_tools.dataset.intake", "def f():\n    import train_tools.ui", "dataset may not import ui"),
        (
            "train_tools.preview.render",
            "try:\n    from modules import shared\nexcept ImportError:\n    pass",
            "webui",
        ),
        (
            "train_tools.families.sdxl.marks",
            "from train_tools.families.stable_diffusion.base import BaseModel",
            "families may not import family models",
        ),
        ("train_tools.environment.start", "import torch", "standard library"),
        ("train_tools.families.flux.model", "from library import flux_utils", "interpreter"),
        (
            "train_tools.families.flux.drawing",
            "from train_tools.families.files import KEPT",
            "drawing may not import families",
        ),
        (
            "train_tools.preview.rendering",
            "from .through_sd_scripts import studio",
            "preview may not import drawing",
        ),
        ("train_tools.__main__", "import numpy", "standard library"),
    ],
)
def test_a_wrong_import_is_caught(module: str, source: str, complaint: str) -> None:
    (problem,) = wrong_arrows(module, imports_of(source, module, is_package=False))
    assert complaint in problem


def test_a_hidden_torch_is_caught() -> None:
    house = {
        "train_tools.planning.a": imports_of("from . import b", "train_tools.planning.a", is_package=False),
        "train_tools.planning.b": imports_of(
            "from torch import nn", "train_tools.planning.b", is_package=False
        ),
        "train_tools.planning.c": imports_of(
            "def f():\n    import torch", "train_tools.planning.c", is_package=False
        ),
    }
    assert heavy_imports("train_tools.planning.a", house) == [
        "train_tools.planning.a loads torch through train_tools.planning.b"
    ]
    assert heavy_imports("train_tools.planning.c", house) == []
