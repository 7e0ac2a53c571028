"""The command line: finds the command's module, parses its arguments, turns errors into exit codes."""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import sys
import textwrap
from pathlib import Path
from types import ModuleType

from train_tools.commands.output import Output
from train_tools.commands.parser import Parser, did_you_mean
from train_tools.environment import process
from train_tools.environment.start import WITHOUT_ENVIRONMENT
from train_tools.errors import TrainToolsError
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import default_root

# In the order of the work. Each is a module of `train_tools.commands` with HELP,
# `add_arguments(parser)` and `run(arguments, out) -> exit code`.
GROUPS = {
    "Try it": ("demo",),
    "Projects": ("project", "version", "settings", "trash"),
    "Images and captions": ("dataset", "reg", "captions"),
    "Plan and train": ("presets", "arguments", "plan", "train", "queue", "runs"),
    "Choose and keep": ("preview", "compare", "publish"),
    "LoRA files": ("lora",),
    "This machine": ("start", "page", "model", "env", "doctor"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
# By `__main__`, which sees to the packages that they need.
TEST = "Runs this program's own tests; with --thorough the long ones, too."
HELP = ("-h", "--help")
WIDTH = 100


def parser_of(name: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = Parser(prog=f"python -m train_tools {name}", description=module.HELP)
    module.add_arguments(parser)
    return parser


def parsed(argv: list[str]) -> tuple[ModuleType, argparse.Namespace]:
    """Of one of COMMANDS. Ends the process where help is asked for, and where something is wrong."""
    module = importlib.import_module(f"train_tools.commands.{argv[0]}")
    return module, parser_of(argv[0], module).parse_args(argv[1:])


def main(argv: list[str]) -> int:
    """Runs one command; 0 done, 1 a run or an image failed, 2 wrong use."""
    if not argv or argv[0] in HELP:
        print(usage())
        return 0
    if argv[0] not in COMMANDS:
        hint = did_you_mean(argv[0], [*COMMANDS, "test"])
        print(f"train_tools: there is no command {argv[0]!r}; {hint}", file=sys.stderr)
        return 2
    module, arguments = parsed(argv)
    arguments.root = arguments.root or default_root()
    try:
        if argv[0] not in WITHOUT_ENVIRONMENT:
            process.apply(arguments.root)
        return int(module.run(arguments, Output(arguments.json)))
    except TrainToolsError as error:
        print(f"train_tools: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        sentence = sentence_of(error, arguments.root)
        if sentence is None:  # a mistake of ours: the traceback is what helps to mend it
            raise
        print(f"train_tools: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_tools: stopped; what was finished is kept", file=sys.stderr)
        return 130


def usage() -> str:
    """Every command with a line, in the order of the work; none of them is imported for it."""
    lines = [
        "From a folder of pictures to the LoRA worth keeping.",
        "",
        "usage: python -m train_tools COMMAND …",
        "",
    ]
    for title, names in GROUPS.items():
        lines += [f"{title}:", *(_line(name, help_of(name)) for name in names)]
    return "\n".join(
        [*lines, _line("test", TEST), "", "`python -m train_tools COMMAND --help` tells all of one command."]
    )


def _line(name: str, help_text: str) -> str:
    indent = " " * 13
    return textwrap.fill(help_text, WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=indent)


@functools.cache
def help_of(name: str) -> str:
    """A command's HELP, read from its source: importing it would load what it works with."""
    source = (Path(__file__).parent / "commands" / f"{name}.py").read_text("utf-8")
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "HELP"
        ):
            return str(ast.literal_eval(node.value))
    return ""
