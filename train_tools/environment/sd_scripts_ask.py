"""`python sd_scripts_ask.py CHECKOUT`: what a checkout's own parsers say of each trainer's arguments, as JSON.

Started as a file in sd-scripts' interpreter, with the standard library alone: that interpreter needn't know this
package. Nothing is trained: each trainer is imported, and its `setup_parser()` asked. The answer is the last line.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import sys
from pathlib import Path
from typing import Any

ANSWER = "ASKED "  # begins the line
TRAINERS = "*train_network.py"
ASKED = "setup_parser"
NETWORKS = "networks"
MAKES_A_NETWORK = "create_network"


def main(checkout: Path) -> None:
    own = str(Path(__file__).parent)
    # Its own modules come first, and ours, beside this file, not at all: packages have the same names.
    sys.path[:] = [str(checkout), *(path for path in sys.path if path != own)]
    scripts: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for path in sorted(checkout.glob(TRAINERS)):
        # One that is no module of the kind that we know could begin to train when it is imported.
        if not defines(path, ASKED):
            failed[path.name] = f"it has no {ASKED}()"
            continue
        try:
            scripts[path.name] = arguments_of(importlib.import_module(path.stem).setup_parser())
        except BaseException as error:  # a script that ends the interpreter, too
            failed[path.name] = f"{type(error).__name__}: {error}"
    answer = {"scripts": scripts, "failed": failed, "networks": networks(checkout)}
    print(f"\n{ANSWER}{json.dumps(answer)}", flush=True)


def arguments_of(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """By the name that a --config_file gives them."""
    actions: list[argparse.Action] = vars(parser)["_actions"]  # it has no other door
    # Those that print something and end, as --help, hold no value.
    return {action.dest: described(action) for action in actions if action.default is not argparse.SUPPRESS}


def described(action: argparse.Action) -> dict[str, Any]:
    return {
        "options": list(action.option_strings),
        "action": type(action).__name__.strip("_").removesuffix("Action"),
        "type": getattr(action.type, "__name__", None) if action.type is not None else None,
        "default": plain(action.default),
        "choices": [plain(choice) for choice in action.choices] if action.choices is not None else None,
        "nargs": action.nargs,
        "const": plain(action.const),
        "required": action.required,
        "help": help_of(action),
    }


def help_of(action: argparse.Action) -> str:
    """With what stands for its default filled in; as it is where that fails, as it does on a lone `%`."""
    if not action.help or action.help == argparse.SUPPRESS:
        return ""
    try:
        return " ".join((action.help % vars(action)).split())
    except (ValueError, TypeError, KeyError):
        return " ".join(action.help.split())


def plain(value: Any) -> Any:
    """What JSON can hold of it; an object of a class of its own by its text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def networks(checkout: Path) -> list[str]:
    """The modules that --network_module may name, as `networks.lora`."""
    found = sorted((checkout / NETWORKS).glob("*.py"))
    return [f"{NETWORKS}.{path.stem}" for path in found if defines(path, MAKES_A_NETWORK)]


def defines(path: Path, name: str) -> bool:
    """Whether the file has such a function, its own or another's, without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return True
        if isinstance(node, ast.ImportFrom) and name in (alias.asname or alias.name for alias in node.names):
            return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
