"""The table of arguments as it is now: with what the installed sd-scripts said when it was asked."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable
from pathlib import Path

from train_tools.arguments.argument import Argument
from train_tools.arguments.installed import Installed, read_installed
from train_tools.arguments.table import SHIPPED, Table, nearest, table_for, why_not
from train_tools.environment.place import ENVIRONMENT_VARIABLE
from train_tools.environment.sd_scripts_asked import data_file, read, title_of
from train_tools.environment.sd_scripts_place import SD_SCRIPTS_VARIABLE, sd_scripts_folder
from train_tools.errors import UsageError

LOOKS_A_SECOND = 2  # at the disk: a plan asks ten thousand times


def current() -> Table:
    """The same object until something else is installed or asked; half a second later at most it is another."""
    variables = os.environ.get(SD_SCRIPTS_VARIABLE), os.environ.get(ENVIRONMENT_VARIABLE)
    return _look(variables, int(time.monotonic() * LOOKS_A_SECOND))


def look_again() -> None:
    """For who has just asked."""
    _look.cache_clear()


@functools.lru_cache(maxsize=4)
def _look(_variables: tuple[str | None, ...], _time: int) -> Table:
    checkout = sd_scripts_folder()
    if checkout is None:
        return SHIPPED
    file = data_file(checkout)
    try:
        state = file.stat()
    except OSError:
        return SHIPPED
    return _table_of(file, title_of(checkout), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def _table_of(file: Path, name: str, _time: int, _size: int) -> Table:
    installed = _installed(file, name)
    return SHIPPED if installed is None else table_for(installed)


def _installed(file: Path, name: str) -> Installed | None:
    """None where it said nothing: then all is as the table says."""
    asked = read(file)
    if asked is None or not asked.scripts:
        return None
    try:
        return read_installed(name, asked.scripts, asked.failed, asked.networks)
    except (KeyError, TypeError):
        return None


def argument_named(name: str) -> Argument:
    """One that a person may set. Raises UsageError that says why not, with the nearest names where it is unknown."""
    table = current()
    if name in table.known:
        return table.known[name]
    if name in table.arguments:
        raise UsageError(why_not(table.arguments[name]))
    raise UsageError(f"there is no training argument {name!r}; did you mean {did_you_mean(name)}?")


def did_you_mean(name: str, known: Iterable[str] = ()) -> str:
    """The nearest of `known`, or of all names, in words."""
    return nearest(name, known or (*current().known, *current().arguments))
