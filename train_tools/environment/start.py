"""Enters the training environment: makes or updates it where that is due, and runs the same command in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NoReturn

from train_tools.environment.failure import SetupError
from train_tools.environment.place import ENVIRONMENT_VARIABLE, Place, place
from train_tools.environment.plan import stages
from train_tools.environment.program import ROOT_VARIABLE
from train_tools.environment.setup import prepare
from train_tools.errors import TrainToolsError

INTERRUPTED = 130
# Commands that make, look at or mend the environment: they run where they are called, with any Python.
WITHOUT_ENVIRONMENT = ("env", "doctor", "start")


def say(text: str) -> None:
    # Standard error: standard output may have to hold one JSON document and nothing else.
    print(text, file=sys.stderr, flush=True)


def enter(argv: list[str], with_tests: bool = False) -> int | None:
    """None where this interpreter is the one to go on with; else the exit code of the command or of the set-up.

    On POSIX the command takes over this process, and this doesn't return.
    """
    if (chosen := place()) is None:
        return None
    try:
        if not (chosen.kept and chosen.identity()):
            prepare(chosen, stages(chosen, base_python(), with_tests), say, with_root(argv, os.environ))
    except (SetupError, TrainToolsError) as error:
        say(f"train_tools: {error}")
        return 1
    except OSError as error:
        say(
            f"train_tools: {chosen.folder} can't be set up ({error}); name a folder of yours in {ENVIRONMENT_VARIABLE}"
        )
        return 1
    except KeyboardInterrupt:
        say("train_tools: stopped; the next start goes on from here")
        return INTERRUPTED
    return None if chosen.is_running() else hand_over(chosen, argv)


def with_root(argv: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with the root that the command names: the program's settings lie there."""
    named = dict(environ)
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == "--root" and (equals or following):
            named[ROOT_VARIABLE] = value if equals else following
    return named


def hand_over(chosen: Place, argv: list[str]) -> int:
    command = [str(chosen.python), "-m", "train_tools", *argv]
    variables = inner_variables(chosen, os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # On Windows exec would give the prompt back at once.
    return run_to_the_end(command, variables) if os.name == "nt" else take_over(command, variables)


def take_over(command: list[str], variables: Mapping[str, str]) -> NoReturn:
    os.execve(command[0], command, variables)


def run_to_the_end(command: list[str], variables: Mapping[str, str]) -> int:
    """The command's exit code; Ctrl-C is the command's to answer, in its own order."""
    process = subprocess.Popen(command, env=dict(variables))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def base_python() -> str:
    """The interpreter behind this one: an environment is never made from another, nor from itself."""
    return getattr(sys, "_base_executable", "") or sys.executable


def inner_variables(chosen: Place, environ: Mapping[str, str]) -> dict[str, str]:
    """Our package importable from any folder, and nothing of the calling interpreter's."""
    variables = {
        name: value for name, value in environ.items() if name not in ("PYTHONHOME", "__PYVENV_LAUNCHER__")
    }
    ours = {"PYTHONPATH": str(chosen.root), "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}
    # By default waiting threads of GNU's OpenMP spin for milliseconds: on cores that others use as well, a
    # training step was measured to take seventy times longer. Never spinning costs five times on small models.
    return {"GOMP_SPINCOUNT": "10000"} | variables | ours
