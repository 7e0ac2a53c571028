"""What `start.bat`, `start.sh` and `start.command` run: the page, opened, in an environment that is made if need be."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import train_tools
from train_tools.commands import page
from train_tools.commands.output import Output
from train_tools.environment import opening, program, start
from train_tools.workspace.workspace import default_root

HELP = "Opens the page in a browser, as a double click on start does: makes the environment first where there is none."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    page.add_arguments(parser)


def run(arguments: argparse.Namespace, _out: Output) -> int:
    clone = Path(train_tools.__file__).resolve().parents[1]
    is_given = arguments.root != default_root()  # else the variables say where
    os.environ.update(opening.variables(clone, os.environ))
    root = arguments.root if is_given else program.default_root()
    words = ["page", "--open", "--root", str(root), *program.read(root).start_arguments.split()]
    # What is typed goes over what is set.
    if arguments.port != page.PORT:
        words += ["--port", str(arguments.port)]
    if arguments.listen != page.HERE:
        words += ["--listen", arguments.listen]
    if arguments.password_file:
        words += ["--password-file", str(arguments.password_file)]
    if arguments.json:
        words += ["--json"]
    exit_code = start.enter(words)
    if exit_code is not None:
        return exit_code
    from train_tools import cli

    return cli.main(words)
