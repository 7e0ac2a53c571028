"""The command line: finds the command's module, parses its arguments, turns errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
from types import ModuleType

from train_tools.commands.output import Output
from train_tools.environment import process
from train_tools.environment.start import WITHOUT_ENVIRONMENT
from train_tools.errors import TrainToolsError
from train_tools.workspace.os_errors import sentence_of
from train_tools.workspace.workspace import default_root

# In the order of the work. Each is a module of `train_tools.commands` with HELP,
# `add_arguments(parser)` and `run(arguments, out) -> exit code`.
COMMANDS = (
    "demo", "project", "version", "settings", "trash", "dataset", "reg", "captions", "presets", "arguments",
    "plan", "train", "queue", "runs", "preview", "compare", "publish", "model", "env", "doctor", "page",
)  # fmt: skip


def parser_of(name: str, module: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m train_tools {name}", description=module.HELP)
    module.add_arguments(parser)
    return parser


def main(argv: list[str]) -> int:
    """Runs one command; 0 done, 1 a run or an image failed, 2 wrong use."""
    if not argv or argv[0] not in COMMANDS:
        print(usage(), file=sys.stdout if argv[:1] in ([], ["--help"], ["-h"]) else sys.stderr)
        return 0 if argv[:1] in (["--help"], ["-h"]) else 2
    module = importlib.import_module(f"train_tools.commands.{argv[0]}")
    arguments = parser_of(argv[0], module).parse_args(argv[1:])
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
    names = ",".join((*COMMANDS, "test"))
    return f"usage: python -m train_tools {{{names}}} …\n       python -m train_tools COMMAND --help"
